package e2e

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// TestValidation tests the CRD's rules with manifests as people write them. If refused is empty, the manifest must be
// accepted; otherwise the refusal must contain it.
func TestValidation(t *testing.T) {
	const arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:/prod/db-a1b2c3"
	for name, test := range map[string]struct{ spec, refused string }{
		"the smallest":                    {`{source: {secretID: /prod/db}}`, ""},
		"an ARN":                          {`{source: {secretID: "` + arn + `"}}`, ""},
		"a managed secret":                {`{source: {secretID: "rds!cluster-1"}}`, ""},
		"no source":                       {`{suspend: true}`, "name a secret: set spec.source"},
		"no secretID":                     {`{source: {region: eu-west-1}}`, "spec.source.secretID: Required value"},
		"an empty secretID":               {`{source: {secretID: ""}}`, "spec.source.secretID"},
		"a secretID with a space":         {`{source: {secretID: "prod db"}}`, "secretID must be a secret's name"},
		"an ARN of another service":       {`{source: {secretID: "arn:aws:ssm:eu-west-1:111122223333:parameter/x"}}`, "or its ARN"},
		"a stage and a version":           {`{source: {secretID: a, versionStage: AWSCURRENT, versionID: "` + strings.Repeat("1", 32) + `"}}`, "set versionStage to follow a staging label, or versionID to pin one version, not both"},
		"a version id that is short":      {`{source: {secretID: a, versionID: "1"}}`, "spec.source.versionID"},
		"an empty stage":                  {`{source: {secretID: a, versionStage: ""}}`, "spec.source.versionStage"},
		"a region":                        {`{source: {secretID: a, region: us-gov-west-1}}`, ""},
		"a region that is none":           {`{source: {secretID: a, region: Ireland}}`, "region must be the code of an AWS region"},
		"the ARN's region":                {`{source: {secretID: "` + arn + `", region: eu-west-1}}`, ""},
		"another region than the ARN's":   {`{source: {secretID: "` + arn + `", region: us-east-1}}`, "region differs from the region in the ARN"},
		"an interval":                     {`{source: {secretID: a}, pollInterval: 1h30m}`, ""},
		"an interval too short":           {`{source: {secretID: a}, pollInterval: 500ms}`, "spec.pollInterval must be between 1s and 24h"},
		"an interval too long":            {`{source: {secretID: a}, pollInterval: 25h}`, "spec.pollInterval must be between 1s and 24h"},
		"no interval, without quotes":     {`{source: {secretID: a}, pollInterval: 0}`, "spec.pollInterval in body must be of type string"},
		"an interval without a unit":      {`{source: {secretID: a}, pollInterval: "5"}`, "spec.pollInterval"},
		"keys":                            {`{source: {secretID: a}, data: [{key: DB_PASSWORD, property: password}, {key: all.json}]}`, ""},
		"no keys":                         {`{source: {secretID: a}, data: []}`, "spec.data"},
		"a key twice":                     {`{source: {secretID: a}, data: [{key: a}, {key: a}]}`, "Duplicate value"},
		"a key with a space":              {`{source: {secretID: a}, data: [{key: "a b"}]}`, "key must consist of letters, digits"},
		"a key of two dots":               {`{source: {secretID: a}, data: [{key: ".."}]}`, "key must consist of letters, digits"},
		"a key of one dot":                {`{source: {secretID: a}, data: [{key: "."}]}`, "key must consist of letters, digits"},
		"a key that hides":                {`{source: {secretID: a}, data: [{key: ".dockerconfigjson"}]}`, ""},
		"an empty property":               {`{source: {secretID: a}, data: [{key: a, property: ""}]}`, "property"},
		"a target":                        {`{source: {secretID: a}, target: {name: my.secret-1, type: kubernetes.io/tls, labels: {a: b}, annotations: {c: d}, creationPolicy: Owner, deletionPolicy: Retain}}`, ""},
		"a target name in capitals":       {`{source: {secretID: a}, target: {name: Payments}}`, "target.name must be a valid Secret name"},
		"a type of tokens":                {`{source: {secretID: a}, target: {type: kubernetes.io/service-account-token}}`, "target.type must not be a type by which"},
		"a type of bootstrap tokens":      {`{source: {secretID: a}, target: {type: bootstrap.kubernetes.io/token}}`, "target.type must not be a type by which"},
		"a type of Helm":                  {`{source: {secretID: a}, target: {type: helm.sh/release.v1}}`, "target.type must not be a type by which"},
		"a label of ours":                 {`{source: {secretID: a}, target: {labels: {secretsync.dev/managed: "false"}}}`, "labels under secretsync.dev/ are set by the operator"},
		"an annotation of ours":           {`{source: {secretID: a}, target: {annotations: {secretsync.dev/owner: x}}}`, "annotations under secretsync.dev/"},
		"an annotation that lets merge":   {`{source: {secretID: a}, target: {annotations: {secretsync.dev/merge-from: "*"}}}`, ""},
		"a merge with labels":             {`{source: {secretID: a}, target: {creationPolicy: Merge, labels: {a: b}}}`, "type, labels, annotations, immutable and replacePolicy belong to the Secret's owner"},
		"a merge with an annotation":      {`{source: {secretID: a}, target: {creationPolicy: Merge, annotations: {secretsync.dev/merge-from: "*"}}}`, "type, labels, annotations, immutable and replacePolicy belong to the Secret's owner"},
		"an annotation that mints tokens": {`{source: {secretID: a}, target: {annotations: {kubernetes.io/service-account.name: x}}}`, "annotations under secretsync.dev/ and kubernetes.io/service-account. are reserved"},
		"a policy that is none":           {`{source: {secretID: a}, target: {creationPolicy: Orphan}}`, "supported values"},
		"a deletion policy that is none":  {`{source: {secretID: a}, target: {deletionPolicy: Keep}}`, "supported values"},
		"a merge":                         {`{source: {secretID: a}, target: {creationPolicy: Merge}}`, ""},
		"a merge with a type":             {`{source: {secretID: a}, target: {creationPolicy: Merge, type: Opaque}}`, "type, labels, annotations, immutable and replacePolicy belong to the Secret's owner"},
		"a field that is none":            {`{source: {secretID: a, secretName: b}}`, "unknown field"},
	} {
		t.Run(name, func(t *testing.T) { checkValidation(t, test.spec, test.refused) })
	}
}

// TestValidationOfMode is TestValidation for the mode.
func TestValidationOfMode(t *testing.T) {
	for name, test := range map[string]struct{ spec, refused string }{
		"once":                      {`{source: {secretID: a}, mode: Once, target: {name: b, deletionPolicy: Retain}}`, ""},
		"once, and previous values": {`{source: {secretID: a}, mode: Once, keepPrevious: {for: 1h}}`, "mode Once leaves the Secret alone"},
		"once, merged":              {`{source: {secretID: a}, mode: Once, target: {name: b, creationPolicy: Merge}}`, "mode Once leaves the Secret alone"},
		"another mode":              {`{source: {secretID: a}, mode: Twice}`, "supported values"},
	} {
		t.Run(name, func(t *testing.T) { checkValidation(t, test.spec, test.refused) })
	}
}

// TestValidationOfMetadata is TestValidation for labels and annotations, of target and of template.
func TestValidationOfMetadata(t *testing.T) {
	for name, test := range map[string]struct{ spec, refused string }{
		"metadata alone":                {`{source: {secretID: a}, template: {metadata: {labels: {a/b: "{{ .c }}"}, labelsFrom: "{{ .l }}", annotations: {c: "{{ .c }}"}, annotationsFrom: "{{ .a }}"}}}`, ""},
		"metadata beside keys":          {`{source: {secretID: a}, template: {mergePolicy: Replace, data: {k: v}, metadata: {labels: {a: b}}}}`, ""},
		"neither metadata nor keys":     {`{source: {secretID: a}, template: {mergePolicy: Merge}}`, "spec.template has nothing to render"},
		"empty metadata":                {`{source: {secretID: a}, template: {metadata: {}}}`, "spec.template.metadata"},
		"metadata in place of all keys": {`{source: {secretID: a}, template: {mergePolicy: Replace, metadata: {labels: {a: b}}}}`, "mergePolicy Replace writes only the keys of spec.template.data"},
		"metadata, merged":              {`{source: {secretID: a}, template: {metadata: {labels: {a: b}}}, target: {creationPolicy: Merge}}`, "labels and annotations belong to the Secret's owner: remove spec.template.metadata"},
		"a rendered label of ours":      {`{source: {secretID: a}, template: {metadata: {labels: {secretsync.dev/managed: b}}}}`, "labels under secretsync.dev/ are set by the operator"},
		"a rendered merge-from":         {`{source: {secretID: a}, template: {metadata: {annotations: {secretsync.dev/merge-from: b}}}}`, "annotations under secretsync.dev/ and kubernetes.io/service-account. are reserved"},
		"a rendered account":            {`{source: {secretID: a}, template: {metadata: {annotations: {kubernetes.io/service-account.name: b}}}}`, "annotations under secretsync.dev/ and kubernetes.io/service-account. are reserved"},
		"a template as a label":         {`{source: {secretID: a}, target: {labels: {a: "x-{{ .b }}"}}}`, "target.labels are plain texts: move templates to spec.template.metadata.labels"},
		"a template as an annotation":   {`{source: {secretID: a}, target: {annotations: {a: "{{ .b }}"}}}`, "target.annotations are plain texts: move templates to spec.template.metadata.annotations"},
		"braces that are no template":   {`{source: {secretID: a}, target: {annotations: {a: "{}"}}}`, ""},
	} {
		t.Run(name, func(t *testing.T) { checkValidation(t, test.spec, test.refused) })
	}
}

// TestValidationOfEntries is TestValidation for the entries of data and dataFrom.
func TestValidationOfEntries(t *testing.T) {
	for name, test := range map[string]struct{ spec, refused string }{
		"null empties a property":  {`{source: {secretID: a}, data: [{key: a, property: b, nulls: Empty}, {key: b, property: b, nulls: Hold}], dataFrom: [{nulls: Empty}]}`, ""},
		"an entry that overrides":  {`{dataFrom: [{find: {namePrefix: a}}, {source: {secretID: b}, overlap: Override}, {source: {secretID: c}, overlap: Refuse}]}`, ""},
		"overrides something else": {`{source: {secretID: a}, dataFrom: [{}, {prefix: b, overlap: Merge}]}`, "supported values"},
		"the first one overrides":  {`{source: {secretID: a}, dataFrom: [{overlap: Override}, {prefix: b}]}`, "the first entry of spec.dataFrom has none before it"},
		"find overrides":           {`{source: {secretID: a}, dataFrom: [{}, {find: {namePrefix: a}, overlap: Override}]}`, "overlap does not go with find"},
		"null does something else": {`{source: {secretID: a}, data: [{key: a, property: b, nulls: Keep}]}`, "supported values"},
		"null without a property":  {`{source: {secretID: a}, data: [{key: a, nulls: Empty}]}`, "nulls needs a property"},
		"null with an expression":  {`{source: {secretID: a}, data: [{key: a, jmesPath: b, nulls: Empty}]}`, "nulls needs a property"},
	} {
		t.Run(name, func(t *testing.T) { checkValidation(t, test.spec, test.refused) })
	}
}

// checkValidation checks that a spec is refused with a text; if it is empty, that the spec is accepted.
func checkValidation(t *testing.T, manifest, refused string) {
	t.Helper()
	var spec map[string]any
	if err := yaml.Unmarshal([]byte(manifest), &spec); err != nil {
		t.Fatal(err)
	}
	sync := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "secretsync.dev/v1alpha1", "kind": "SecretSync",
		"metadata": map[string]any{"namespace": "default", "name": "validated"}, "spec": spec,
	}}
	strict := client.WithFieldValidation(shared.Client, metav1.FieldValidationStrict)
	err := strict.Create(t.Context(), sync, client.DryRunAll)
	if refused == "" && err != nil {
		t.Errorf("refused: %v", err)
	}
	if refused != "" && (err == nil || !strings.Contains(err.Error(), refused)) {
		t.Errorf("got %v, want a refusal that says %q", err, refused)
	}
}

// TestStatusBeforeTheController: tools do not treat an object that no controller has seen as ready.
func TestStatusBeforeTheController(t *testing.T) {
	sync := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "secretsync.dev/v1alpha1", "kind": "SecretSync",
		"metadata": map[string]any{"namespace": "default", "name": "unseen"},
		"spec":     map[string]any{"source": map[string]any{"secretID": "a"}, "suspend": false},
	}}
	if err := shared.Client.Create(t.Context(), sync, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	conditions, _, err := unstructured.NestedSlice(sync.Object, "status", "conditions")
	if err != nil || len(conditions) != 1 {
		t.Fatalf("conditions = %v, error %v, want one", conditions, err)
	}
	ready, _ := conditions[0].(map[string]any)
	if ready["type"] != "Ready" || ready["status"] != "Unknown" {
		t.Errorf("condition = %v, want Ready=Unknown", ready)
	}
}
