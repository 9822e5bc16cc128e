package e2e

import (
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/samples"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// kubectl runs a command in the setup's namespace.
func (s *setup) kubectl(input string, arguments ...string) string {
	s.Helper()
	command := exec.CommandContext(s.Context(), s.env.Plane.Kubectl(), append([]string{"--kubeconfig", s.env.Plane.Kubeconfig(), "--namespace", s.namespace}, arguments...)...)
	command.Stdin = strings.NewReader(input)
	output, err := command.CombinedOutput()
	if err != nil {
		s.Fatalf("kubectl %s: %v: %s", strings.Join(arguments, " "), err, output)
	}
	return string(output)
}

// TestSamples creates what the samples need and applies every sample, as "make samples" does, and checks that each
// SecretSync gives its keys. Then it removes all of it.
func TestSamples(t *testing.T) {
	s := newSetup(t)
	folder := filepath.Join(root, "config/samples")
	output := &strings.Builder{}
	account := &samples.Account{Secrets: s.aws, Value: value, Output: output}
	cluster := &samples.Cluster{Client: s.env.Client, Namespace: s.namespace, Within: testsuite.Deadline, Output: output}
	signing, err := account.Seed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	manifests, err := samples.Manifests(folder, signing)
	if err != nil {
		t.Fatal(err)
	}
	if files, err := filepath.Glob(filepath.Join(folder, "*.yaml")); err != nil || len(files) < 20 || len(manifests) < len(files)-1 {
		t.Fatalf("%d objects of %d samples, %v", len(manifests), len(files), err)
	}
	if err := cluster.Apply(t.Context(), manifests); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Wait(t.Context(), manifests); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	s.awaitSamples()
	s.checkPodOfWorkload()
	s.checkRendered(manifests)
	s.checkRepeatedSeed(account, signing)
	s.checkClean(account, cluster, manifests)
}

// checkRepeatedSeed checks that seeding again changes nothing.
func (s *setup) checkRepeatedSeed(account *samples.Account, signing string) {
	s.Helper()
	const rotated = "/samples/payments/db"
	before := s.versions(rotated)
	if again, err := account.Seed(s.Context()); err != nil || again != signing {
		s.Errorf("seeding again gives %s, %v", again, err)
	}
	if after := s.versions(rotated); !cmp.Equal(before, after) {
		s.Error("seeding again has put a version:", cmp.Diff(before, after))
	}
}

// versions are the versions of a secret with their staging labels.
func (s *setup) versions(id string) map[string][]string {
	s.Helper()
	found, err := s.aws.DescribeSecret(s.Context(), &secretsmanager.DescribeSecretInput{SecretId: &id})
	if err != nil {
		s.Fatal(err)
	}
	return found.VersionIdsToStages
}

// checkClean removes the samples, but not what another program has created under their names.
func (s *setup) checkClean(account *samples.Account, cluster *samples.Cluster, manifests []samples.Manifest) {
	s.Helper()
	const foreign, tag = "/samples/stripe", "secretsync.dev/created-by"
	if _, err := s.aws.UntagResource(s.Context(), &secretsmanager.UntagResourceInput{SecretId: aws.String(foreign), TagKeys: []string{tag}}); err != nil {
		s.Fatal(err)
	}
	s.edit("stripe", func(sync *v1alpha1.SecretSync) { delete(sync.Labels, tag) })
	if _, err := account.Seed(s.Context()); err == nil || !strings.Contains(err.Error(), foreign) || !strings.Contains(err.Error(), tag) {
		s.Errorf("seeding accepts a secret of another program: %v", err)
	}
	if err := errors.Join(cluster.Clean(s.Context(), manifests), account.Clean(s.Context())); err != nil {
		s.Fatal(err)
	}
	var syncs v1alpha1.SecretSyncList
	if err := s.env.Client.List(s.Context(), &syncs, client.InNamespace(s.namespace)); err != nil {
		s.Fatal(err)
	}
	if len(syncs.Items) != 1 || syncs.Items[0].Name != "stripe" {
		s.Errorf("%d SecretSyncs are left, want only the one without the label", len(syncs.Items))
	}
	left, err := s.aws.ListSecrets(s.Context(), &secretsmanager.ListSecretsInput{Filters: []types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{"/samples/"}}}})
	if err != nil {
		s.Fatal(err)
	}
	if len(left.SecretList) != 1 || *left.SecretList[0].Name != foreign {
		s.Errorf("%d secrets are left, want only the one without the tag", len(left.SecretList))
	}
}

// checkPodOfWorkload checks that the Pod of the sample's Deployment finds each key that it asks for, under names that
// are valid environment variables.
func (s *setup) checkPodOfWorkload() {
	s.Helper()
	var pods corev1.PodList
	s.await("the Deployment's Pod", func() bool {
		if err := s.env.Client.List(s.Context(), &pods, client.InNamespace(s.namespace), client.MatchingLabels{"app": "shop"}); err != nil {
			s.Fatal(err)
		}
		return len(pods.Items) == 1
	})
	pod, container := pods.Items[0].Spec, pods.Items[0].Spec.Containers[0]
	from := s.secret(container.EnvFrom[0].SecretRef.Name)
	if from == nil || len(from.Data) == 0 {
		s.Fatal("envFrom names a Secret that has nothing in it")
	}
	for key := range from.Data {
		if problems := validation.IsEnvVarName(key); len(problems) > 0 || strings.ContainsAny(key, "-.") {
			s.Errorf("key %q is no name for an environment variable", key)
		}
	}
	keyRef := container.Env[0].ValueFrom.SecretKeyRef
	if _, there := s.secret(keyRef.Name).Data[keyRef.Key]; !there {
		s.Errorf("env asks for key %q, which is not in Secret %s", keyRef.Key, keyRef.Name)
	}
	mounted := slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Secret != nil && s.secret(v.Secret.SecretName) != nil })
	if !mounted {
		s.Error("no volume mounts the Secret")
	}
}
