package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/testenv"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// shared is the cluster of all tests. TestMain sets it, and tests read it.
var shared *testenv.Environment

func TestMain(m *testing.M) {
	testsuite.Main("kubectl-secretsync", testenv.Options{ServiceAccountTokens: true}, func(_ context.Context, env *testenv.Environment) (int, error) {
		shared = env
		return m.Run(), nil
	})
}

// hidden stands in every Secret of the tests; no verb may print it.
const hidden = "hunter2-never-printed"

// setup is a namespace of one test.
type setup struct {
	*testing.T
	namespace string
}

func newSetup(t *testing.T) *setup {
	t.Helper()
	return &setup{T: t, namespace: testsuite.Namespace(t, shared.Client, "cli-")}
}

// printed is what the plugin has done.
type printed struct {
	code        int
	out, errOut string
}

// plugin runs the plugin in the namespace, as an administrator.
func (s *setup) plugin(arguments ...string) printed {
	s.Helper()
	return s.pluginIn(s.Context(), arguments...)
}

func (s *setup) pluginIn(ctx context.Context, arguments ...string) printed {
	s.Helper()
	var out, errOut bytes.Buffer
	code := run(ctx, append([]string{"--kubeconfig", shared.Plane.Kubeconfig(), "-n", s.namespace}, arguments...),
		genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
	printing := len(arguments) > 0 && arguments[0] == "render" // Its values are in a file of the user.
	if !printing && strings.Contains(out.String(), hidden) || strings.Contains(errOut.String(), hidden) {
		s.Errorf("%q prints a value", arguments)
	}
	return printed{code, out.String(), errOut.String()}
}

// expect runs the plugin, and checks its exit code and that it prints a text.
func (s *setup) expect(code int, text string, arguments ...string) {
	s.Helper()
	if got := s.plugin(arguments...); got.code != code || !strings.Contains(squeezed(got.out+got.errOut), text) {
		s.Errorf("%q: %+v, want exit code %d and %q", arguments, got, code, text)
	}
}

// create creates a SecretSync of /app/NAME.
func (s *setup) create(name string, changes ...func(*v1alpha1.SecretSync)) *v1alpha1.SecretSync {
	s.Helper()
	made := &v1alpha1.SecretSync{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name},
		Spec:       v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "/app/" + name}},
	}
	for _, change := range changes {
		change(made)
	}
	if err := shared.Client.Create(s.Context(), made); err != nil {
		s.Fatal(err)
	}
	return made
}

// report writes a status as the operator would.
func (s *setup) report(found *v1alpha1.SecretSync, ready metav1.ConditionStatus, reason, message string, changes ...func(*v1alpha1.SecretSyncStatus)) {
	s.Helper()
	found.Status.ObservedGeneration = found.Generation
	found.Status.Conditions = []metav1.Condition{{
		Type: v1alpha1.ConditionReady, Status: ready, Reason: reason, Message: message,
		LastTransitionTime: metav1.NewTime(time.Now().Add(-2 * time.Hour)),
	}}
	for _, change := range changes {
		change(&found.Status)
	}
	if err := shared.Client.Status().Update(s.Context(), found); err != nil {
		s.Fatal(err)
	}
}

// get reads a SecretSync.
func (s *setup) get(name string) *v1alpha1.SecretSync {
	s.Helper()
	found := &v1alpha1.SecretSync{}
	if err := shared.Client.Get(s.Context(), clientKey(s.namespace, name), found); err != nil {
		s.Fatal(err)
	}
	return found
}
