package status

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/target"
)

func TestWriteNews(t *testing.T) {
	const v1, v2 = "version-1", "version-2"
	for name, test := range map[string]struct {
		outcome  target.Outcome
		former   string // The version in status before; empty before the first sync.
		trigger  schedule.Trigger
		managers []string
		reason   string
		mentions []string
	}{
		"nothing written":                       {target.Unchanged, v1, schedule.Poll, nil, "", nil},
		"a first sync":                          {target.Created, "", schedule.Spec, nil, EventCreated, []string{"Secret db", v2, "keys a, b"}},
		"a Secret that was there":               {target.Updated, "", schedule.Spec, nil, EventUpdated, []string{"Wrote version " + v2, "Secret db, which was there before", "keys a, b"}},
		"a Secret that was gone":                {target.Created, v2, schedule.Drift, nil, EventRepaired, []string{"was deleted", v2}},
		"a rotation":                            {target.Updated, v1, schedule.Poll, nil, EventUpdated, []string{v1, v2, "changed a"}},
		"an edit":                               {target.Updated, v2, schedule.Drift, []string{"kubectl-edit"}, EventRepaired, []string{"edited by field manager kubectl-edit", v2}},
		"an edit that no field manager records": {target.Updated, v2, schedule.Drift, nil, EventRepaired, []string{"was edited; restored"}},
		"an edited spec":                        {target.Updated, v2, schedule.Spec, nil, EventUpdated, []string{"edited spec", v2}},
		"keys that came or went":                {target.Updated, v2, schedule.Poll, nil, EventUpdated, []string{"Secret db, at version " + v2 + ": changed a"}},
	} {
		t.Run(name, func(t *testing.T) {
			outcome := polled(test.former, v2)
			outcome.Write = &Write{Result: &target.Result{Outcome: test.outcome, OverriddenManagers: test.managers}, Keys: []string{"a", "b"},
				Changes: ownwrites.Changes{Changed: []string{"a"}}}
			if outcome.Trigger = test.trigger; test.trigger == schedule.Spec {
				outcome.SecretSync.Generation++
			}
			event := writeEvent(outcome)
			if event.Reason != test.reason {
				t.Errorf("the event is %q", event.Reason)
			}
			for _, mention := range test.mentions {
				if !strings.Contains(event.Note, mention) {
					t.Errorf("%q does not mention %q", event.Note, mention)
				}
			}
		})
	}
}

// TestAPreviewIsNewsWhereItSaysSomethingElse: than Ready said before.
func TestAPreviewIsNewsWhereItSaysSomethingElse(t *testing.T) {
	ready := func(message string) []metav1.Condition {
		return []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonWouldChange, Message: message}}
	}
	for name, test := range map[string]struct {
		preview *Preview
		was, is []metav1.Condition
		want    string
	}{
		"the first":              {&Preview{Would: "write"}, nil, ready("write"), "write"},
		"the same again":         {&Preview{Would: "write"}, ready("write"), ready("write"), ""},
		"something else":         {&Preview{Would: "create"}, ready("write"), ready("create"), "create"},
		"nothing to do any more": {&Preview{}, ready("write"), ready("as it is"), ""},
		"no preview":             {nil, ready("write"), ready("synced"), ""},
		"nothing said":           {&Preview{Would: "write"}, nil, nil, ""},
	} {
		outcome := polled("", "v1")
		outcome.Preview, outcome.SecretSync.Status.Conditions = test.preview, test.was
		after := outcome.SecretSync.Status.DeepCopy()
		after.Conditions = test.is
		if got := previewEvent(outcome, after); got.Note != test.want {
			t.Errorf("%s: %q", name, got.Note)
		}
	}
}
