package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestRefusedValues: the chart refuses values that contradict each other, and says what to do.
func TestRefusedValues(t *testing.T) {
	for name, test := range map[string]struct {
		values   string
		mentions []string
	}{
		"misspelt":                       {"replica: 2", []string{"replica"}},
		"misspelt in a group":            {"metrics: {serviceMonitor: {scrapeTimout: 5s}}", []string{"/metrics/serviceMonitor", "scrapeTimout"}},
		"misspelt in a list":             {"networkPolicy: {extraEgress: [{port: [{port: 3128}]}]}", []string{"/networkPolicy/extraEgress/0", "port"}},
		"misspelt in a probe":            {"livenessProbe: {periodSecond: 5}", []string{"/livenessProbe", "periodSecond"}},
		"misspelt in a security context": {"securityContext: {readOnlyRootFilesytem: true}", []string{"/securityContext", "readOnlyRootFilesytem"}},
		"misspelt in a variable":         {"extraEnv: [{name: A, valu: b}]", []string{"/extraEnv/0", "valu"}},
		"grace of readiness":             {"readinessProbe: {terminationGracePeriodSeconds: 5}", []string{"/readinessProbe", "terminationGracePeriodSeconds"}},
		"no ServiceAccount":              {"serviceAccount: {create: false}", []string{"serviceAccount.name is needed"}},
		"a hook without a token":         {"changeEvents: {hook: {enabled: true}}", []string{"changeEvents.hook.tokenSecret"}},
		"no CRD ServiceMonitor":          {"metrics: {serviceMonitor: {enabled: true}}", []string{"metrics.serviceMonitor.renderMode: skipIfMissing", "--api-versions monitoring.coreos.com/v1/ServiceMonitor"}},
		"no CRD PrometheusRule":          {"metrics: {prometheusRule: {enabled: true}}", []string{"metrics.prometheusRule.renderMode: skipIfMissing", "--api-versions monitoring.coreos.com/v1/PrometheusRule"}},
		"a budget of no calls":           {"metrics: {prometheusRule: {callsPerDay: 0}}", []string{"/metrics/prometheusRule/callsPerDay"}},
		"a certificate and HTTP":         {"metrics: {secure: false, certificate: {secretName: a}}", []string{"metrics.certificate needs metrics.secure"}},
		"a CA in another place":          {"metrics: {certificate: {secretName: tls}, serviceMonitor: {enabled: true, renderMode: alwaysRender, namespace: monitoring}}", []string{"metrics.serviceMonitor.tlsConfig is needed", "Secret tls is in secretsync-system"}},
		"no drain":                       {"podDisruptionBudget: {enabled: true, minAvailable: 1}", []string{"replicas: 1", `minAvailable: "1"`, "can be drained", "maxUnavailable: 1"}},
		"no drain of two":                {"{replicas: 2, podDisruptionBudget: {enabled: true, minAvailable: 2}}", []string{"can be drained"}},
		"no drain by percentage":         {"{replicas: 2, podDisruptionBudget: {enabled: true, minAvailable: 51%}}", []string{"can be drained"}},
		"no drain by maximum":            {"{replicas: 2, podDisruptionBudget: {enabled: true, maxUnavailable: 0}}", []string{"can be drained"}},
		"no drain by no percent":         {"{replicas: 2, podDisruptionBudget: {enabled: true, maxUnavailable: 0%}}", []string{"can be drained"}},
		"two budgets":                    {"{replicas: 2, podDisruptionBudget: {enabled: true, minAvailable: 1, maxUnavailable: 1}}", []string{"exclude each other"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := render(t, test.values)
			if err == nil {
				t.Fatal("the chart accepts it")
			}
			for _, mention := range test.mentions {
				if !strings.Contains(err.Error(), mention) {
					t.Errorf("the error does not mention %q: %v", mention, err)
				}
			}
		})
	}
}

// TestAcceptedBudgets: without replicas there is nothing to evict.
func TestAcceptedBudgets(t *testing.T) {
	all, err := render(t, "{replicas: 0, podDisruptionBudget: {enabled: true, minAvailable: 0}}")
	if err != nil {
		t.Fatal(err)
	}
	if got := at(all[budget], "spec.minAvailable"); got != 0 {
		t.Errorf("minAvailable is %v", got)
	}
}

// TestTheChartsOwnLabelsWin: labels that select pods and Services can't be overridden.
func TestTheChartsOwnLabelsWin(t *testing.T) {
	const other = "{app.kubernetes.io/name: other}"
	all, err := render(t, "{commonLabels: "+other+", podLabels: "+other+", deploymentLabels: "+other+", metrics: {serviceLabels: "+other+"}}")
	if err != nil {
		t.Fatal(err)
	}
	for object, path := range map[string]string{deployment: "spec.template.metadata.labels", service: "metadata.labels", account: "metadata.labels"} {
		if got := at(all[object], path+`."app.kubernetes.io/name"`); got != "secretsync" {
			t.Errorf("%s: the label is %v", object, got)
		}
	}
}

// TestCommonLabelsAreOnAllObjects: including those that are off by default.
func TestCommonLabelsAreOnAllObjects(t *testing.T) {
	for _, file := range []string{"everything", "namespaced"} {
		content, err := os.ReadFile(filepath.Join(folder, "ci", file+"-values.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		all, err := render(t, string(content), "{commonLabels: {team: a}, metrics: {serviceMonitor: {renderMode: alwaysRender}}}")
		if err != nil {
			t.Fatal(err)
		}
		for name, object := range all {
			if at(object, "metadata.labels.team") != "a" && !strings.HasPrefix(name, "ConfigMap/") { // Those are extraObjects.
				t.Errorf("%s: %s does not have the label", file, name)
			}
		}
	}
}

// TestNamespaceOverride: no object or reference stays in the namespace of the release.
func TestNamespaceOverride(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(folder, "ci/everything-values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := render(t, string(content), "{namespaceOverride: elsewhere, extraObjects: [], metrics: {serviceMonitor: {renderMode: alwaysRender, tlsConfig: {}}}}")
	if err != nil {
		t.Fatal(err)
	}
	moved := 0
	for name, object := range all {
		written, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(written), "secretsync-system") {
			t.Errorf("%s names the namespace of the release", name)
		}
		if strings.Contains(string(written), "elsewhere") {
			moved++
		}
	}
	if moved < 8 {
		t.Errorf("only %d objects name the namespace", moved)
	}
}

// TestAsASubchart: a chart that depends on this one sets its values, global ones and the condition, and global values of
// its own.
func TestAsASubchart(t *testing.T) {
	parent := t.TempDir()
	if err := os.CopyFS(filepath.Join(parent, "charts/secretsync"), os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	metadata := "{apiVersion: v2, name: platform, version: 1.0.0, dependencies: [{name: secretsync, version: '*', condition: secretsync.enabled}]}"
	if err := os.WriteFile(filepath.Join(parent, "Chart.yaml"), []byte(metadata), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, enabled := range []bool{true, false} {
		output, err := runHelm(t, []string{"template", "platform", parent},
			"{global: {imageRegistry: mirror.example.com, team: {name: a}}, secretsync: {replicas: 7, enabled: "+strconv.FormatBool(enabled)+"}}")
		if err != nil {
			t.Fatal(err)
		}
		const operator = "Deployment/platform-secretsync"
		all := read(t, output)
		if !enabled {
			if len(all) > 0 {
				t.Errorf("a chart that is turned off creates %d objects", len(all))
			}
			continue
		}
		if got := at(all[operator], "spec.replicas"); got != 7 {
			t.Errorf("replicas is %v", got)
		}
		if got := at(all[operator], manager+"image"); got != "mirror.example.com/secretsync/secretsync:"+chartYAML(t).AppVersion {
			t.Errorf("the image is %v", got)
		}
	}
}

// schema is a part of values.schema.json.
type schema struct {
	Type                 any               `json:"type"`
	Properties           map[string]schema `json:"properties"`
	AdditionalProperties any               `json:"additionalProperties"`
	Definitions          map[string]schema `json:"definitions"`
	Items                *schema           `json:"items"`
}

// TestTheSchemaKnowsEachValue: the schema has each value and no other, and refuses other names in each object that it
// describes, except in global, which other charts read, too.
func TestTheSchemaKnowsEachValue(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(folder, "values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var whole schema
	if err := json.Unmarshal(content, &whole); err != nil {
		t.Fatal(err)
	}
	values, err := os.ReadFile(filepath.Join(folder, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "", whole, parse(t, string(values)))
	for name, definition := range whole.Definitions {
		checkClosed(t, "definitions/"+name, definition)
	}
}

// fieldsOfKubernetes are objects whose fields the API server knows better, and those of which values.yaml sets only some.
var fieldsOfKubernetes = []string{"resources", "livenessProbe", "readinessProbe", "podSecurityContext", "securityContext"}

func compare(t *testing.T, path string, described schema, values any) {
	t.Helper()
	fields, _ := values.(map[string]any)
	if len(fields) == 0 || slices.Contains(fieldsOfKubernetes, path) {
		checkClosed(t, path, described)
		return
	}
	if path != "global" && described.AdditionalProperties != false {
		t.Errorf("the schema accepts other names in %q", path)
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		deeper, found := described.Properties[name]
		if !found {
			t.Errorf("the schema does not have %s.%s", path, name)
			continue
		}
		compare(t, strings.TrimPrefix(path+"."+name, "."), deeper, fields[name])
	}
	for name := range described.Properties {
		if _, found := fields[name]; !found {
			t.Errorf("values.yaml does not have %s.%s, which the schema has", path, name)
		}
	}
}

// checkClosed checks that an object whose fields are described has no others.
func checkClosed(t *testing.T, path string, described schema) {
	t.Helper()
	if described.Items != nil {
		checkClosed(t, path+"[]", *described.Items)
	}
	if len(described.Properties) > 0 && described.AdditionalProperties != false {
		t.Errorf("the schema accepts other names in %q", path)
	}
	for name, deeper := range described.Properties {
		checkClosed(t, path+"."+name, deeper)
	}
}
