package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestHealthForGitOps computes the health of SecretSyncs in every state as Flux does, by its library, and as Argo CD does,
// by the script of docs/operations.md. In particular, what is suspended or observed from its creation is not in progress
// for ever.
func TestHealthForGitOps(t *testing.T) {
	s := newSetup(t)
	id, _ := s.createSecret("there", value())
	late := s.secretID("late")
	source := v1alpha1.SecretSource{SecretID: id}
	for name, spec := range map[string]v1alpha1.SecretSyncSpec{
		"synced":    {Source: source, PollInterval: fast},
		"once":      {Source: source, PollInterval: fast, Mode: v1alpha1.SyncModeOnce},
		"observed":  {Source: source, PollInterval: fast, Mode: v1alpha1.SyncModeObserve},
		"suspended": {Source: source, PollInterval: fast, Suspend: true},
		"failed":    {Source: v1alpha1.SecretSource{SecretID: late}, PollInterval: fast},
	} {
		s.sync(name, spec)
	}
	s.awaitReady("synced")
	s.sync("equal", v1alpha1.SecretSyncSpec{Source: source, PollInterval: fast, Mode: v1alpha1.SyncModeObserve, Target: v1alpha1.SecretTarget{Name: "synced"}})
	s.awaitReason("once", metav1.ConditionTrue, v1alpha1.ReasonSyncedOnce)
	s.awaitReason("observed", metav1.ConditionTrue, v1alpha1.ReasonWouldChange)
	s.awaitReason("equal", metav1.ConditionTrue, v1alpha1.ReasonWouldChange)
	s.awaitReason("suspended", metav1.ConditionTrue, v1alpha1.ReasonSuspended)
	s.awaitReason("failed", metav1.ConditionFalse, v1alpha1.ReasonSecretNotFound)
	for name, want := range map[string]struct {
		flux status.Status
		argo string
	}{
		"synced": {status.CurrentStatus, "Healthy"}, "once": {status.CurrentStatus, "Healthy"}, "failed": {status.FailedStatus, "Degraded"},
		"observed": {status.CurrentStatus, "Healthy"}, "equal": {status.CurrentStatus, "Healthy"}, "suspended": {status.CurrentStatus, "Suspended"},
	} {
		s.checkHealth(name, s.live(name), want.flux, want.argo)
	}
	edited := s.live("synced")
	edited.SetGeneration(edited.GetGeneration() + 1)
	s.checkHealth("edited", edited, status.InProgressStatus, "Progressing")
	resumed := s.live("suspended")
	resumed.SetGeneration(resumed.GetGeneration() + 1)
	s.checkHealth("resumed", resumed, status.InProgressStatus, "Progressing")
	unseen := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "secretsync.dev/v1alpha1", "kind": "SecretSync",
		"metadata": map[string]any{"namespace": s.namespace, "name": "unseen"}, "spec": map[string]any{"source": map[string]any{"secretID": id}}}}
	if err := s.env.Client.Create(t.Context(), unseen, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	s.checkHealth("unseen", unseen, status.InProgressStatus, "Progressing")
	s.edit("synced", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = true })
	s.awaitReason("synced", metav1.ConditionTrue, v1alpha1.ReasonSuspended)
	s.checkHealth("suspended later", s.live("synced"), status.CurrentStatus, "Suspended")
	s.createSecret("late", value())
	s.awaitReady("failed")
	s.checkHealth("recovered", s.live("failed"), status.CurrentStatus, "Healthy")
}

// live reads a SecretSync as GitOps tools do.
func (s *setup) live(name string) *unstructured.Unstructured {
	s.Helper()
	found := &unstructured.Unstructured{}
	found.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("SecretSync"))
	if err := s.env.Client.Get(s.Context(), s.key(name), found); err != nil {
		s.Fatal(err)
	}
	return found
}

// checkHealth compares the health of an object with what Flux and Argo CD are to make of it.
func (s *setup) checkHealth(state string, object *unstructured.Unstructured, flux status.Status, argo string) {
	s.Helper()
	computed, err := status.Compute(object)
	if err != nil {
		s.Fatal(err)
	}
	if computed.Status != flux {
		s.Errorf("%s is %s to Flux, want %s: %s", state, computed.Status, flux, computed.Message)
	}
	if health, message := s.healthByLua(object); health != argo || message == "" {
		s.Errorf("%s is %s to Argo CD, want %s: %q", state, health, argo, message)
	}
}

// healthByLua runs the script of the page, as Argo CD does: it gets the object, and returns a table.
func (s *setup) healthByLua(object *unstructured.Unstructured) (health, message string) {
	s.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs/operations.md"))
	if err != nil {
		s.Fatal(err)
	}
	script := regexp.MustCompile(`(?s)secretsync\.dev_SecretSync: \|\n(.*?)` + "```").FindSubmatch(page)
	if script == nil {
		s.Fatal("docs/operations.md has no health check for Argo CD")
	}
	engine := lua.NewState()
	defer engine.Close()
	engine.SetGlobal("obj", luaValue(engine, object.Object))
	if err := engine.DoString(strings.TrimSpace(string(script[1]))); err != nil {
		s.Fatal(err)
	}
	result, ok := engine.Get(-1).(*lua.LTable)
	if !ok {
		s.Fatalf("the script returns %s, not a table", engine.Get(-1).Type())
	}
	return result.RawGetString("status").String(), result.RawGetString("message").String()
}

// luaValue converts a value of an unstructured object.
func luaValue(engine *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case map[string]any:
		table := engine.NewTable()
		for name, field := range value {
			table.RawSetString(name, luaValue(engine, field))
		}
		return table
	case []any:
		table := engine.NewTable()
		for _, item := range value {
			table.Append(luaValue(engine, item))
		}
		return table
	case string:
		return lua.LString(value)
	case bool:
		return lua.LBool(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	}
	return lua.LNil
}
