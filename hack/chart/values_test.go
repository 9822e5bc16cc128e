package main

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
)

// row sets a value of the chart, and says where the manifests show it.
type row struct {
	// value is the path of the value, and set what it is set to, as YAML.
	value, set string
	// with are other values that it needs, as YAML. With these alone, the manifests must not be as wanted.
	with string
	// object is the kind and the name of the object that shows the value.
	object string
	// at is the path of the field, with [] at its end for an item of a list.
	at string
	// want is the field's value, as YAML; null if the field or the object must be missing. Default: the same as set.
	// VERSION in it is the chart's appVersion.
	want string
}

const (
	deployment, pod, manager = "Deployment/secretsync", "spec.template.spec.", "spec.template.spec.containers[name=manager]."
	service, account         = "Service/secretsync-metrics", "ServiceAccount/secretsync"
	monitor, endpoint        = "ServiceMonitor/secretsync", "spec.endpoints[port=metrics]."
	policy, budget           = "NetworkPolicy/secretsync", "PodDisruptionBudget/secretsync"
	boards, showing          = "ConfigMap/secretsync-dashboards", "metrics: {dashboards: {enabled: true}}"
	alerts, alerting         = "PrometheusRule/secretsync", "metrics: {prometheusRule: {enabled: true, renderMode: alwaysRender}}"
	scraped                  = "metrics: {serviceMonitor: {enabled: true, renderMode: alwaysRender}}"
	hooked                   = "changeEvents: {hook: {enabled: true, tokenSecret: hook}}"
)

// rows are in the order of values.yaml.
var rows = slices.Concat(installationRows, settingsRows, metricsRows, podRows)

var installationRows = []row{
	{value: "image.repository", set: "mirror.example.com/secretsync", object: deployment, at: manager + "image", want: "mirror.example.com/secretsync:VERSION"},
	{value: "image.tag", set: "v9", object: deployment, at: manager + "image", want: "ghcr.io/secretsync/secretsync:v9"},
	{value: "image.digest", set: "sha256:" + digest, with: "image: {tag: v9}", object: deployment, at: manager + "image", want: "ghcr.io/secretsync/secretsync@sha256:" + digest},
	{value: "image.pullPolicy", set: "Always", object: deployment, at: manager + "imagePullPolicy"},
	{value: "imagePullSecrets", set: "[{name: registry}]", object: deployment, at: pod + "imagePullSecrets"},
	{value: "imagePullSecrets", set: "[{name: both}, {name: own}]", with: "global: {imagePullSecrets: [{name: both}]}", object: deployment, at: pod + "imagePullSecrets"},

	{value: "global.imageRegistry", set: "mirror.example.com:5000/", object: deployment, at: manager + "image", want: "mirror.example.com:5000/secretsync/secretsync:VERSION"},
	{value: "global.imageRegistry", set: "mirror.example.com", with: "image: {repository: team/secretsync}", object: deployment, at: manager + "image", want: "mirror.example.com/team/secretsync:VERSION"},
	{value: "global.imagePullSecrets", set: "[{name: shared}]", with: "imagePullSecrets: [{name: own}]", object: deployment, at: pod + "imagePullSecrets", want: "[{name: shared}, {name: own}]"},
	{value: "global.nodeSelector", set: "{a: global, b: global}", with: "nodeSelector: {a: own}", object: deployment, at: pod + "nodeSelector", want: "{a: own, b: global}"},
	{value: "global.tolerations", set: "[{key: shared}]", with: "tolerations: [{key: own}]", object: deployment, at: pod + "tolerations", want: "[{key: shared}, {key: own}]"},

	{value: "replicas", set: "3", object: deployment, at: "spec.replicas"},
	{value: "replicas", set: "2", object: deployment, at: pod + "topologySpreadConstraints[0].topologyKey", want: "topology.kubernetes.io/zone"},
	{value: "replicas", set: "2", object: deployment, at: pod + "affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm",
		want: "{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app.kubernetes.io/name: secretsync, app.kubernetes.io/instance: secretsync}}}"},
	{value: "leaderElection.enabled", set: "false", object: deployment, at: manager + "args[]", want: "--leader-elect=false"},
	{value: "leaderElection.enabled", set: "false", object: "RoleBinding/secretsync-leader-election", at: "kind", want: "null"},
	{value: "crds.enabled", set: "false", with: "crds: {enabled: true}", object: "CustomResourceDefinition/secretsyncs.secretsync.dev", at: "kind", want: "null"},

	{value: "serviceAccount.create", set: "false", with: "serviceAccount: {name: own}", object: "ServiceAccount/own", at: "kind", want: "null"},
	{value: "serviceAccount.name", set: "own", object: deployment, at: pod + "serviceAccountName"},
	{value: "serviceAccount.name", set: "own", object: "ClusterRoleBinding/secretsync", at: "subjects[0].name"},
	{value: "serviceAccount.annotations", set: "{eks.amazonaws.com/role-arn: arn}", object: account, at: "metadata.annotations"},
	{value: "serviceAccount.labels", set: "{team: a, app.kubernetes.io/name: other}", object: account, at: "metadata.labels.team", want: "a"},

	{value: "restrictOperator", set: "false", object: "ValidatingAdmissionPolicy/secretsync-finalizers-alone", at: "kind", want: "null"},
	{value: "serviceAccountTokens.enabled", set: "true", object: "ClusterRole/secretsync-service-account-tokens", at: "kind", want: "ClusterRole"},
	{value: "serviceAccountTokens.names", set: "[reader]", with: "serviceAccountTokens: {enabled: true}", object: "ClusterRole/secretsync-service-account-tokens", at: "rules[0].resourceNames"},
	{value: "serviceAccountTokens.audiences", set: "[sts.amazonaws.com.cn]", with: "serviceAccountTokens: {enabled: true}", object: "ValidatingAdmissionPolicy/secretsync-token-audience", at: "spec.validations[0].message",
		want: "the operator may have tokens made for the audience sts.amazonaws.com.cn alone"},
	{value: "serviceAccountTokens.restrictAudience", set: "false", with: "serviceAccountTokens: {enabled: true}", object: "ValidatingAdmissionPolicy/secretsync-token-audience", at: "kind", want: "null"},
	{value: "rollouts.enabled", set: "true", object: deployment, at: manager + "args[]", want: "--rollouts=true"},
	{value: "rollouts.enabled", set: "true", object: "ClusterRole/secretsync-rollouts", at: "kind", want: "ClusterRole"},
	{value: "rollouts.restrict", set: "false", with: "rollouts: {enabled: true}", object: "ValidatingAdmissionPolicy/secretsync-restarts-alone", at: "kind", want: "null"},

	{value: "extraObjects", set: `[{apiVersion: v1, kind: ConfigMap, metadata: {name: "{{ .Release.Name }}-object"}}]`, object: "ConfigMap/secretsync-object", at: "kind", want: "ConfigMap"},
	{value: "extraObjects", set: `["apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-text}\n"]`, object: "ConfigMap/secretsync-text", at: "kind", want: "ConfigMap"},
	{value: "commonLabels", set: "{team: a, app.kubernetes.io/name: other}", object: service, at: "metadata.labels.team", want: "a"},
	{value: "commonLabels", set: "{team: a}", object: deployment, at: "spec.template.metadata.labels.team", want: "a"},
	{value: "nameOverride", set: "other", object: "Deployment/secretsync-other", at: `metadata.labels."app.kubernetes.io/name"`},
	{value: "fullnameOverride", set: "other", object: "Deployment/other", at: "metadata.name"},
	{value: "namespaceOverride", set: "other", object: deployment, at: "metadata.namespace"},
}

const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// flag is a row of a value that sets a flag.
func flag(value, set, want string) row {
	return row{value: value, set: set, object: deployment, at: manager + "args[]", want: `"` + want + `"`}
}

var settingsRows = []row{
	flag("aws.region", "eu-west-1", "--region=eu-west-1"),
	flag("aws.additionalRegions", "[xx-new-1, xx-new-2]", "--additional-regions=xx-new-1,xx-new-2"),
	{value: "aws.endpointURL", set: "http://localhost:4566", object: deployment, at: manager + "env[name=AWS_ENDPOINT_URL].value"},
	flag("watchNamespaces", "[payments, shipping]", "--watch-namespaces=payments,shipping"),
	{value: "watchNamespaces", set: "[payments]", object: "RoleBinding/secretsync", at: "metadata.namespace", want: "payments"},
	{value: "watchNamespaces", set: "[payments]", object: "ClusterRoleBinding/secretsync", at: "kind", want: "null"},
	flag("watchLabelSelector", `"!a"`, "--watch-label-selector=!a"),
	flag("pollInterval", "1m", "--poll-interval=1m"),
	flag("workers", "3", "--workers=3"),
	flag("clusterName", "prod", "--cluster-name=prod"),
	flag("secretNamePatterns", `["/a/*", "/b/*"]`, "--secret-name-patterns=/a/*,/b/*"),
	flag("namespacesTag", "Require", "--namespaces-tag=Require"),
	flag("mergeWithoutConsent", "true", "--merge-without-consent=true"),
	flag("sessionTags", "false", "--session-tags=false"),
	flag("sourceIdentity", "true", "--source-identity=true"),
	flag("valueCacheBytes", "33554432", "--value-cache-bytes=33554432"),
	flag("kubeAPIQPS", "7.5", "--kube-api-qps=7.5"),
	flag("gracefulShutdownTimeout", "7s", "--graceful-shutdown-timeout=7s"),
	flag("changeEvents.queueURL", "https://sqs.eu-west-1.amazonaws.com/111122223333/q", "--change-queue-url=https://sqs.eu-west-1.amazonaws.com/111122223333/q"),
	{value: "changeEvents.hook.enabled", set: "true", with: "changeEvents: {hook: {tokenSecret: hook}}", object: "Service/secretsync-change-hook", at: "kind", want: "Service"},
	{value: "changeEvents.hook.port", set: "9444", with: hooked, object: "Service/secretsync-change-hook", at: "spec.ports[0].port"},
	{value: "changeEvents.hook.port", set: "9444", with: hooked, object: deployment, at: manager + "args[]", want: "--change-hook-bind-address=:9444"},
	{value: "changeEvents.hook.tokenSecret", set: "other", with: hooked, object: deployment, at: pod + "volumes[name=change-hook].secret.secretName"},
	{value: "changeEvents.hook.certSecret", set: "tls", with: hooked, object: deployment, at: pod + "volumes[name=change-hook-cert].secret.secretName"},
	{value: "changeEvents.hook.serviceAnnotations", set: "{a: b}", with: hooked, object: "Service/secretsync-change-hook", at: "metadata.annotations"},
	{value: "changeEvents.hook.serviceLabels", set: "{a: b}", with: hooked, object: "Service/secretsync-change-hook", at: "metadata.labels.a", want: "b"},
	flag("pprofBindAddress", "localhost:6060", "--pprof-bind-address=localhost:6060"),
	flag("log.format", "console", "--log-format=console"),
	flag("log.level", "debug", "--log-level=debug"),
}

var metricsRows = []row{
	flag("metrics.enabled", "false", "--metrics-bind-address=0"),
	{value: "metrics.enabled", set: "false", object: service, at: "kind", want: "null"},
	flag("metrics.port", "9443", "--metrics-bind-address=:9443"),
	{value: "metrics.port", set: "9443", object: service, at: "spec.ports[0].port"},
	flag("metrics.secure", "false", "--metrics-secure=false"),
	{value: "metrics.secure", set: "false", with: scraped, object: monitor, at: endpoint + "scheme", want: "null"},
	flag("metrics.certificate.secretName", "own-tls", "--metrics-cert-dir=/var/run/secrets/metrics-cert"),
	{value: "metrics.certificate.secretName", set: "own-tls", object: deployment, at: pod + "volumes[name=metrics-cert].secret.secretName"},
	{value: "metrics.certificate.secretName", set: "own-tls", object: deployment, at: manager + "volumeMounts[name=metrics-cert].mountPath", want: "/var/run/secrets/metrics-cert"},
	{value: "metrics.certificate.secretName", set: "own-tls", with: scraped, object: monitor, at: endpoint + "tlsConfig",
		want: "{serverName: secretsync-metrics.secretsync-system.svc, ca: {secret: {name: own-tls, key: ca.crt}}}"},
	{value: "metrics.certificate.issuerRef", set: "{kind: ClusterIssuer, name: internal}", object: "Certificate/secretsync-metrics", at: "spec.issuerRef"},
	{value: "metrics.certificate.issuerRef", set: "{name: internal}", object: "Certificate/secretsync-metrics", at: "spec.dnsNames[]", want: "secretsync-metrics.secretsync-system.svc"},
	{value: "metrics.certificate.issuerRef", set: "{name: internal}", object: deployment, at: pod + "volumes[name=metrics-cert].secret.secretName", want: "secretsync-metrics-tls"},
	flag("metrics.namespaces", "20", "--metrics-namespaces=20"),
	{value: "metrics.serviceAnnotations", set: "{a: b}", object: service, at: "metadata.annotations"},
	{value: "metrics.serviceLabels", set: "{a: b}", object: service, at: "metadata.labels.a", want: "b"},
	{value: "metrics.serviceMonitor.enabled", set: "true", with: "metrics: {serviceMonitor: {renderMode: alwaysRender}}", object: monitor, at: "kind", want: "ServiceMonitor"},
	{value: "metrics.serviceMonitor.renderMode", set: "skipIfMissing", with: scraped, object: monitor, at: "kind", want: "null"},
	{value: "metrics.serviceMonitor.namespace", set: "monitoring", with: scraped, object: monitor, at: "metadata.namespace"},
	{value: "metrics.serviceMonitor.namespace", set: "monitoring", with: scraped, object: monitor, at: "spec.namespaceSelector.matchNames", want: "[secretsync-system]"},
	{value: "metrics.serviceMonitor.interval", set: "1m", with: scraped, object: monitor, at: endpoint + "interval"},
	{value: "metrics.serviceMonitor.scrapeTimeout", set: "9s", with: scraped, object: monitor, at: endpoint + "scrapeTimeout"},
	{value: "metrics.serviceMonitor.labels", set: "{release: prometheus}", with: scraped, object: monitor, at: "metadata.labels.release", want: "prometheus"},
	{value: "metrics.serviceMonitor.annotations", set: "{a: b}", with: scraped, object: monitor, at: "metadata.annotations"},
	{value: "metrics.serviceMonitor.tlsConfig", set: "{serverName: a}", with: scraped, object: monitor, at: endpoint + "tlsConfig"},
	{value: "metrics.serviceMonitor.relabelings", set: "[{action: labeldrop, regex: pod}]", with: scraped, object: monitor, at: endpoint + "relabelings"},
	{value: "metrics.serviceMonitor.metricRelabelings", set: "[{action: drop, sourceLabels: [__name__], regex: go_.*}]", with: scraped, object: monitor, at: endpoint + "metricRelabelings"},
	{value: "metrics.prometheusRule.enabled", set: "true", with: "metrics: {prometheusRule: {renderMode: alwaysRender}}", object: alerts, at: "spec.groups[name=secretsync].rules[0].alert", want: "SecretSyncOperatorDown"},
	{value: "metrics.prometheusRule.renderMode", set: "skipIfMissing", with: alerting, object: alerts, at: "kind", want: "null"},
	{value: "metrics.prometheusRule.namespace", set: "monitoring", with: alerting, object: alerts, at: "metadata.namespace"},
	{value: "metrics.prometheusRule.labels", set: "{release: prometheus}", with: alerting, object: alerts, at: "metadata.labels.release", want: "prometheus"},
	{value: "metrics.prometheusRule.annotations", set: "{a: b}", with: alerting, object: alerts, at: "metadata.annotations"},
	{value: "metrics.prometheusRule.callsPerDay", set: "5000", with: alerting, object: alerts, at: "spec.groups[name=secretsync].rules[alert=SecretSyncCallBudgetExceeded].expr",
		want: "sum by (account, region) (rate(secretsync_aws_calls_total[1h])) * 86400 > 5000"},
	{value: "metrics.dashboards.enabled", set: "true", object: boards, at: "kind", want: "ConfigMap"},
	{value: "metrics.dashboards.namespace", set: "monitoring", with: showing, object: boards, at: "metadata.namespace"},
	{value: "metrics.dashboards.enabled", set: "true", object: boards, at: "metadata.labels.grafana_dashboard", want: `"1"`},
	{value: "metrics.dashboards.labels", set: `{grafana_dashboard: "2"}`, with: showing, object: boards, at: "metadata.labels.grafana_dashboard", want: `"2"`},
	{value: "metrics.dashboards.labels", set: "{team: platform}", with: showing, object: boards, at: "metadata.labels.team", want: "platform"},
	{value: "metrics.dashboards.annotations", set: "{grafana_folder: SecretSync}", with: showing, object: boards, at: "metadata.annotations"},

	{value: "podDisruptionBudget.enabled", set: "true", object: budget, at: "spec.maxUnavailable", want: "1"},
	{value: "podDisruptionBudget.minAvailable", set: "2", with: "{podDisruptionBudget: {enabled: true}, replicas: 3}", object: budget, at: "spec.minAvailable"},
	{value: "podDisruptionBudget.minAvailable", set: "50%", with: "{podDisruptionBudget: {enabled: true}, replicas: 2}", object: budget, at: "spec.minAvailable"},
	{value: "podDisruptionBudget.maxUnavailable", set: "2", with: "podDisruptionBudget: {enabled: true}", object: budget, at: "spec.maxUnavailable"},
	{value: "networkPolicy.enabled", set: "true", object: policy, at: "kind", want: "NetworkPolicy"},
	{value: "networkPolicy.kubernetesAPIPort", set: "6443", with: "networkPolicy: {enabled: true}", object: policy, at: "spec.egress[]", want: "{ports: [{port: 6443, protocol: TCP}]}"},
	{value: "networkPolicy.extraIngress", set: "[{from: [{podSelector: {}}]}]", with: "networkPolicy: {enabled: true}", object: policy, at: "spec.ingress[]", want: "{from: [{podSelector: {}}]}"},
	{value: "networkPolicy.extraEgress", set: "[{ports: [{port: 3128}]}]", with: "networkPolicy: {enabled: true}", object: policy, at: "spec.egress[]", want: "{ports: [{port: 3128}]}"},
}

var podRows = []row{
	{value: "resources.requests.cpu", set: "1", object: deployment, at: manager + "resources.requests.cpu"},
	{value: "resources.requests.memory", set: "1Gi", object: deployment, at: manager + "resources.requests.memory"},
	{value: "resources.limits.memory", set: "2Gi", object: deployment, at: manager + "resources.limits.memory"},
	{value: "podSecurityContext.runAsNonRoot", set: "false", object: deployment, at: pod + "securityContext.runAsNonRoot"},
	{value: "podSecurityContext.seccompProfile.type", set: "Unconfined", object: deployment, at: pod + "securityContext.seccompProfile.type"},
	{value: "securityContext.allowPrivilegeEscalation", set: "true", object: deployment, at: manager + "securityContext.allowPrivilegeEscalation"},
	{value: "securityContext.readOnlyRootFilesystem", set: "false", object: deployment, at: manager + "securityContext.readOnlyRootFilesystem"},
	{value: "securityContext.capabilities.drop", set: "[KILL]", object: deployment, at: manager + "securityContext.capabilities.drop"},

	flag("healthPort", "9081", "--health-probe-bind-address=:9081"),
	{value: "healthPort", set: "9081", object: deployment, at: manager + "ports[name=health].containerPort"},
	{value: "healthPort", set: "9081", with: "networkPolicy: {enabled: true}", object: policy, at: "spec.ingress[]", want: "{ports: [{port: 9081, protocol: TCP}]}"},
	{value: "livenessProbe.initialDelaySeconds", set: "7", object: deployment, at: manager + "livenessProbe.initialDelaySeconds"},
	{value: "livenessProbe.periodSeconds", set: "7", object: deployment, at: manager + "livenessProbe.periodSeconds"},
	{value: "livenessProbe.terminationGracePeriodSeconds", set: "7", object: deployment, at: manager + "livenessProbe.terminationGracePeriodSeconds"},
	{value: "readinessProbe.initialDelaySeconds", set: "7", object: deployment, at: manager + "readinessProbe.initialDelaySeconds"},
	{value: "readinessProbe.periodSeconds", set: "7", object: deployment, at: manager + "readinessProbe.periodSeconds"},
	{value: "readinessProbe", set: "{failureThreshold: 7}", object: deployment, at: manager + "readinessProbe", want: "{httpGet: {path: /readyz, port: health}, failureThreshold: 7, initialDelaySeconds: 2, periodSeconds: 5}"},

	{value: "deploymentAnnotations", set: "{a: b}", object: deployment, at: "metadata.annotations"},
	{value: "deploymentLabels", set: "{a: b}", object: deployment, at: "metadata.labels.a", want: "b"},
	{value: "revisionHistoryLimit", set: "0", object: deployment, at: "spec.revisionHistoryLimit"},
	{value: "strategy", set: "{type: Recreate}", object: deployment, at: "spec.strategy"},

	flag("extraArgs", `["--a=b"]`, "--a=b"),
	{value: "extraEnv", set: "[{name: A, value: b}]", object: deployment, at: manager + "env[name=A].value", want: "b"},
	{value: "extraVolumes", set: "[{name: a, emptyDir: {}}]", object: deployment, at: pod + "volumes[]", want: "{name: a, emptyDir: {}}"},
	{value: "extraVolumeMounts", set: "[{name: a, mountPath: /a}]", object: deployment, at: manager + "volumeMounts[]", want: "{name: a, mountPath: /a}"},
	{value: "initContainers", set: "[{name: a, image: b}]", object: deployment, at: pod + "initContainers"},
	{value: "extraContainers", set: "[{name: a, image: b}]", object: deployment, at: pod + "containers[name=a]", want: "{name: a, image: b}"},
	{value: "podAnnotations", set: "{a: b}", object: deployment, at: "spec.template.metadata.annotations"},
	{value: "podLabels", set: "{a: b}", object: deployment, at: "spec.template.metadata.labels.a", want: "b"},
	{value: "nodeSelector", set: "{a: b}", object: deployment, at: pod + "nodeSelector"},
	{value: "tolerations", set: "[{key: a, operator: Exists}]", object: deployment, at: pod + "tolerations"},
	{value: "affinity", set: "{nodeAffinity: {}}", with: "replicas: 2", object: deployment, at: pod + "affinity"},
	{value: "topologySpreadConstraints", set: "[{maxSkew: 1, topologyKey: a, whenUnsatisfiable: DoNotSchedule}]", with: "replicas: 2", object: deployment, at: pod + "topologySpreadConstraints"},
	{value: "priorityClassName", set: "system-cluster-critical", object: deployment, at: pod + "priorityClassName"},
	{value: "runtimeClassName", set: "gvisor", object: deployment, at: pod + "runtimeClassName"},
	{value: "terminationGracePeriodSeconds", set: "60", object: deployment, at: pod + "terminationGracePeriodSeconds"},
	{value: "dnsPolicy", set: "Default", with: "hostNetwork: true", object: deployment, at: pod + "dnsPolicy"},
	{value: "dnsConfig", set: "{nameservers: [10.0.0.10], options: [{name: ndots, value: '1'}]}", object: deployment, at: pod + "dnsConfig"},
	{value: "hostNetwork", set: "true", object: deployment, at: pod + "hostNetwork"},
	{value: "hostNetwork", set: "true", object: deployment, at: pod + "dnsPolicy", want: "ClusterFirstWithHostNet"},
	{value: "hostAliases", set: "[{ip: 10.0.0.1, hostnames: [a]}]", object: deployment, at: pod + "hostAliases"},
}

// shownElsewhere are the values that need a cluster or a parent chart, with their test.
var shownElsewhere = map[string]string{
	"enabled":            "TestAsASubchart",
	"crds.takeOwnership": "TestHelmAndTheOwnerOfTheCRD in hack/e2e",
}

// small leaves out the CRD, which is most of the manifests and takes most of the time.
const small = "crds: {enabled: false}"

// TestEveryValueIsShown sets each value, and finds it in the manifests.
func TestEveryValueIsShown(t *testing.T) {
	var before sync.Map // Renders with the same other values are done once.
	for _, r := range rows {
		t.Run(r.value, func(t *testing.T) {
			t.Parallel()
			without, _ := before.LoadOrStore(r.with, sync.OnceValues(func() (manifests, error) { return render(t, small, r.with) }))
			former, err := without.(func() (manifests, error))()
			if err != nil {
				t.Fatalf("without the value: %v", err)
			}
			if r.shown(t, former) {
				t.Error("the manifests are as wanted without the value: the row shows nothing")
			}
			after, err := render(t, small, r.with, nested(r.value, r.set))
			if err != nil {
				t.Fatal(err)
			}
			if !r.shown(t, after) {
				t.Errorf("%s has %v at %s, want %s", r.object, at(after[r.object], strings.TrimSuffix(r.at, "[]")), r.at, r.wanted())
			}
		})
	}
}

func (r row) wanted() string {
	if r.want == "" {
		return r.set
	}
	return r.want
}

// shown says whether manifests are as the row wants.
func (r row) shown(t *testing.T, all manifests) bool {
	t.Helper()
	want := parse(t, strings.ReplaceAll(r.wanted(), "VERSION", chartYAML(t).AppVersion))
	got := at(all[r.object], strings.TrimSuffix(r.at, "[]"))
	if strings.HasSuffix(r.at, "[]") {
		items, _ := got.([]any)
		return slices.ContainsFunc(items, func(item any) bool { return reflect.DeepEqual(item, want) })
	}
	return reflect.DeepEqual(got, want)
}

// nested is YAML that sets the value at a path.
func nested(path, value string) string {
	names := strings.Split(path, ".")
	return "{" + strings.Join(names, ": {") + ": " + quotedIfPlain(value) + strings.Repeat("}", len(names))
}

// quotedIfPlain quotes a text that would end at a comma or a colon in an object that is written in a line.
func quotedIfPlain(value string) string {
	if strings.ContainsAny(value[:1], `[{"'`) || !strings.ContainsAny(value, ",:{") {
		return value
	}
	return `"` + value + `"`
}

// TestEveryValueHasARow: a value without a row in the table is not tested, and a row without a value tests nothing.
func TestEveryValueHasARow(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(folder, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := valuesOf(content)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 80 {
		t.Fatalf("only %d values were found", len(all))
	}
	var known []string
	for _, v := range all {
		known = append(known, v.at)
		if v.leaf && shownElsewhere[v.at] == "" && !slices.ContainsFunc(rows, func(r row) bool { return r.value == v.at }) {
			t.Errorf("%s has no row in the table", v.at)
		}
	}
	for _, r := range rows {
		if !slices.ContainsFunc(known, func(path string) bool { return path == r.value || strings.HasPrefix(path, r.value+".") }) {
			t.Errorf("the table has a row for %s, which values.yaml has not", r.value)
		}
	}
}

// TestEverythingSetsEveryValue: hack/e2e installs the chart with these values, and the API server checks each field.
func TestEverythingSetsEveryValue(t *testing.T) {
	var files [2]map[string]any
	for i, file := range []string{"values.yaml", "ci/everything-values.yaml"} {
		content, err := os.ReadFile(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		files[i], _ = parse(t, string(content)).(map[string]any)
	}
	for _, path := range unset("", files[0], files[1]) {
		t.Errorf("ci/everything-values.yaml does not set %s", path)
	}
}

// unset are the paths of the values that others do not have.
func unset(path string, values, others map[string]any) (missing []string) {
	for name, value := range values {
		other, found := others[name]
		fields, _ := value.(map[string]any)
		deeper, isObject := other.(map[string]any)
		switch {
		case !found:
			missing = append(missing, path+name)
		case len(fields) > 0 && isObject:
			missing = append(missing, unset(path+name+".", fields, deeper)...)
		}
	}
	return missing
}
