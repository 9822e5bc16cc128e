package status

import (
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/rollout"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
)

// TestWhatAnOutcomeConcerns: the sync, a rollout alone, or nothing that is to be reported.
func TestWhatAnOutcomeConcerns(t *testing.T) {
	for name, test := range map[string]struct {
		trigger          schedule.Trigger
		suspend          bool
		failed           *failure.Failure
		rollout          Rollout
		sync, reportable bool
	}{
		"nothing":                     {},
		"AWS was asked":               {trigger: schedule.Poll, sync: true, reportable: true},
		"suspended":                   {suspend: true, sync: true, reportable: true},
		"a failure before AWS is":     {failed: refused(), sync: true, reportable: true},
		"a step of a rollout":         {rollout: Rollout{Progress: &rollout.Progress{}}, reportable: true},
		"a restart without an event":  {rollout: Rollout{Restarted: []string{"Deployment web"}}, reportable: true},
		"rollouts, and nothing to do": {rollout: Rollout{Enabled: true}},
	} {
		outcome := polled("v1", "v1")
		outcome.Trigger, outcome.SecretSync.Spec.Suspend, outcome.Failure, outcome.Rollout = test.trigger, test.suspend, test.failed, test.rollout
		if got := outcome.ConcernsSync(); got != test.sync {
			t.Errorf("%s: it concerns the sync: %t", name, got)
		}
		if got := outcome.Reportable(); got != test.reportable {
			t.Errorf("%s: it is reportable: %t", name, got)
		}
	}
}

// TestWhetherRestartsAreWanted: by the spec, and by the permission of the operator.
func TestWhetherRestartsAreWanted(t *testing.T) {
	listed := &v1alpha1.Rollout{Restart: v1alpha1.RestartListed}
	for name, test := range map[string]struct {
		enabled bool
		spec    *v1alpha1.Rollout
		want    bool
	}{
		"by default":         {true, nil, true},
		"of what is listed":  {true, listed, true},
		"never":              {true, &v1alpha1.Rollout{Restart: v1alpha1.RestartNever}, false},
		"without permission": {false, listed, false},
		"neither of the two": {false, &v1alpha1.Rollout{Restart: v1alpha1.RestartNever}, false},
	} {
		secretSync := &v1alpha1.SecretSync{}
		secretSync.Spec.Rollout = test.spec
		policy, wanted := Rollout{Enabled: test.enabled}.Policy(secretSync)
		if wanted != test.want {
			t.Errorf("%s: wanted %t", name, wanted)
		}
		if test.spec != nil && policy.Restart != test.spec.Restart {
			t.Errorf("%s: the policy is %q", name, policy.Restart)
		}
	}
}
