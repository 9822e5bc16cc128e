package render

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/source"
)

// marker stands for what must never be in an error.
const marker = "hunter2"

// newWork is the work of a reconcile of its own.
func newWork() Work {
	return Work{Budget: pattern.NewBudget(context.Background(), pattern.PassSteps), Patterns: pattern.NewCache()}
}

// renderOne renders a spec whose keys are all taken from the same value.
func renderOne(value source.Value, keys []v1alpha1.DataKey) (map[string][]byte, error) {
	spec := v1alpha1.SecretSyncSpec{Data: keys}
	inputs := Inputs{Source: &value, Data: make([]*source.Value, len(keys))}
	for i := range keys {
		inputs.Data[i] = &value
	}
	return renderData(newWork(), &spec, inputs)
}

// asText makes data readable in differences.
func asText(data map[string][]byte) map[string]string {
	texts := map[string]string{}
	for key, value := range data {
		texts[key] = string(value)
	}
	return texts
}

// wantRefusal wants an error of a reason that mentions something, and never the marker.
func wantRefusal(t *testing.T, err error, reason string, mentions ...string) {
	t.Helper()
	refusal, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("got error %v, want a refusal", err)
	}
	if refusal.Reason != reason {
		t.Errorf("refused with %q, want reason %s", refusal, reason)
	}
	for _, mention := range mentions {
		if !strings.Contains(refusal.Message, mention) {
			t.Errorf("refused with %q, want mention of %q", refusal, mention)
		}
	}
	if strings.Contains(err.Error(), marker) {
		t.Errorf("the refusal quotes the value: %s", err)
	}
}

func textValue(content string) *source.Value {
	value := source.TextValue(content)
	return &value
}

// renderData is the data that Render makes.
func renderData(work Work, spec *v1alpha1.SecretSyncSpec, inputs Inputs) (map[string][]byte, error) {
	made, err := Render(work, spec, inputs)
	return made.Data, err
}
