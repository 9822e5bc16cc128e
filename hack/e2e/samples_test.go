package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"
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

// TestSamples applies every sample as a user does, and checks that each SecretSync gives its keys.
func TestSamples(t *testing.T) {
	s := newSetup(t)
	signing := s.sampleSecrets()
	files, err := filepath.Glob(filepath.Join(root, "config/samples/*.yaml"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		manifest := strings.ReplaceAll(string(content), "arn:aws:secretsmanager:eu-west-1:111122223333:secret:/samples/signing-key-a1b2c3", signing)
		s.kubectl(manifest, "apply", "--server-side", "--validate=strict", "-f", "-")
	}
	s.awaitSamples()
	s.checkPodOfWorkload()
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
