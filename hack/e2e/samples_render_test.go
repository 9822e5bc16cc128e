package e2e

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/samples"
)

// rendering runs kubectl secretsync render, without a cluster.
type rendering struct {
	*setup
	plugin, folder string
}

// newRendering builds the plugin, and writes the manifests for it.
func (s *setup) newRendering(manifests []samples.Manifest) *rendering {
	s.Helper()
	r := &rendering{setup: s, folder: s.TempDir()}
	r.plugin = filepath.Join(r.folder, "kubectl-secretsync")
	build := exec.CommandContext(s.Context(), "go", "build", "-o", r.plugin, "./cmd/kubectl-secretsync")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		s.Fatalf("building the plugin: %v: %s", err, output)
	}
	var all bytes.Buffer
	for _, manifest := range manifests {
		text, err := yaml.Marshal(manifest.Object)
		if err != nil {
			s.Fatal(err)
		}
		all.WriteString("---\n")
		all.Write(text)
	}
	r.write("manifests.yaml", all.Bytes())
	return r
}

func (r *rendering) write(name string, content []byte) {
	r.Helper()
	if err := os.WriteFile(filepath.Join(r.folder, name), content, 0o600); err != nil {
		r.Fatal(err)
	}
}

// writeValues writes what AWS has of the samples' secrets: each version that has a staging label.
func (r *rendering) writeValues() {
	r.Helper()
	listed, err := r.aws.ListSecrets(r.Context(), &secretsmanager.ListSecretsInput{Filters: []types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{"/samples/"}}}})
	if err != nil {
		r.Fatal(err)
	}
	var values []map[string]any
	for i := range listed.SecretList {
		secret := &listed.SecretList[i]
		tags := map[string]string{}
		for _, tag := range secret.Tags {
			tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
		for version, stages := range r.versions(*secret.ARN) {
			read, err := r.aws.GetSecretValue(r.Context(), &secretsmanager.GetSecretValueInput{SecretId: secret.ARN, VersionId: &version})
			if err != nil {
				r.Fatal(err)
			}
			for _, stage := range stages {
				value := map[string]any{"id": *secret.ARN, "stage": stage, "versionID": version, "tags": tags}
				if read.SecretString != nil {
					value["string"] = *read.SecretString
				} else {
					value["binary"] = read.SecretBinary
				}
				values = append(values, value)
			}
		}
	}
	if len(values) < 13 {
		r.Fatalf("AWS has only %d values", len(values))
	}
	content, err := yaml.Marshal(values)
	if err != nil {
		r.Fatal(err)
	}
	r.write("values.yaml", content)
}

// render gives the Secrets by name, and what the plugin says of SecretSyncs that give none.
func (r *rendering) render() (secrets map[string]*corev1.Secret, said string) {
	r.Helper()
	command := exec.CommandContext(r.Context(), r.plugin, "render", "--filename", "manifests.yaml", "--values", "values.yaml", "--namespace", r.namespace)
	command.Dir = r.folder
	command.Env = append(os.Environ(), "KUBECONFIG="+os.DevNull)
	var out, errOut bytes.Buffer
	command.Stdout, command.Stderr = &out, &errOut
	if err := command.Run(); err != nil && command.ProcessState.ExitCode() != 1 {
		r.Fatalf("render: %v: %s", err, &errOut)
	}
	secrets = map[string]*corev1.Secret{}
	for documents := utilyaml.NewYAMLOrJSONDecoder(&out, 4096); ; {
		secret := &corev1.Secret{}
		if err := documents.Decode(secret); errors.Is(err, io.EOF) {
			return secrets, errOut.String()
		} else if err != nil {
			r.Fatal("the output of render can't be read")
		}
		secrets[secret.Name] = secret
	}
}

// checkRendered checks that render gives each Secret that the operator has written, and refuses what the operator
// refuses, in the same words.
func (s *setup) checkRendered(manifests []samples.Manifest) {
	s.Helper()
	r := s.newRendering(manifests)
	r.writeValues()
	rendered, said := r.render()
	if said != "" {
		s.Errorf("render says: %s", said)
	}
	compared := 0
	for name, keys := range keysOfSamples() {
		if keys == nil {
			continue
		}
		sync := s.get(name)
		want, got := s.secret(sync.TargetName()), rendered[sync.TargetName()]
		if got == nil {
			s.Errorf("render gives no Secret for sample %s", name)
			continue
		}
		if sync.Spec.Target.Merges() {
			onlyMerged(want, got)
		}
		compared++
		if diff := cmp.Diff(asRendered(want), asRendered(got), cmpopts.EquateEmpty()); diff != "" {
			s.Errorf("render gives another Secret for sample %s than the operator", name) // The difference has values.
		}
	}
	if compared < 20 {
		s.Errorf("only %d Secrets were compared", compared)
	}
	r.checkGuards()
}

// onlyMerged takes out of a Secret what other owners have in it.
func onlyMerged(secret, merged *corev1.Secret) {
	for key := range secret.Data {
		if _, ours := merged.Data[key]; !ours {
			delete(secret.Data, key)
		}
	}
	for name := range secret.Labels {
		if _, ours := merged.Labels[name]; !ours {
			delete(secret.Labels, name)
		}
	}
	secret.Annotations, secret.Type = nil, ""
}

// asRendered is a Secret without what only the cluster knows.
func asRendered(secret *corev1.Secret) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: secret.Namespace, Name: secret.Name, Labels: secret.Labels, Annotations: secret.Annotations},
		Type:       secret.Type, Data: secret.Data, Immutable: secret.Immutable,
	}
}

// checkGuards puts a value that a guard refuses.
func (r *rendering) checkGuards() {
	r.Helper()
	const guarded = "payments-db-guarded"
	if _, err := r.aws.PutSecretValue(r.Context(), &secretsmanager.PutSecretValueInput{
		SecretId: aws.String("/samples/payments/db"), SecretString: aws.String(`{"username":"payments","password":"short","tls":{"ca":"none"}}`),
	}); err != nil {
		r.Fatal(err)
	}
	r.edit(guarded, func(sync *v1alpha1.SecretSync) {
		metav1.SetMetaDataAnnotation(&sync.ObjectMeta, v1alpha1.AnnotationRefreshRequestedAt, "guards")
	})
	refused := r.awaitReason(guarded, metav1.ConditionFalse, v1alpha1.ReasonValueRejected)
	r.writeValues()
	rendered, said := r.render()
	ready := meta.FindStatusCondition(refused.Status.Conditions, v1alpha1.ConditionReady)
	line := ""
	for said := range strings.Lines(said) {
		if refusal, ok := strings.CutPrefix(said, r.namespace+"/"+guarded+": "); ok {
			line = strings.TrimSuffix(refusal, "\n")
		}
	}
	if rendered[guarded] != nil || line == "" || !strings.HasPrefix(ready.Reason+": "+ready.Message, line) {
		r.Errorf("the operator refuses for %s: %s; render says: %s", ready.Reason, ready.Message, said)
	}
}
