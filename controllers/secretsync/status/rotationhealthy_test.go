package status

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// rotating is a version of a secret with a rotation; it was changed at noon.
func rotating(rotation source.Rotation) source.Version {
	return source.Version{ARN: "arn", ID: "v1", Stages: []string{"AWSCURRENT"}, Changed: noon, Rotation: &rotation}
}

// dateless is a version of a secret with a rotation that was changed at a time that is not known.
func dateless(rotation source.Rotation) source.Version {
	return source.Version{ARN: "arn", ID: "v1", Stages: []string{"AWSCURRENT"}, Rotation: &rotation}
}

// rotated is a version of a secret that AWS last rotated then, while another version may wait.
func rotated(last time.Time, waits string) source.Version {
	return rotating(source.Rotation{Enabled: true, LastRotated: last, Next: noon.Add(24 * time.Hour), PendingVersion: waits})
}

// formerly is the condition of an hour before noon.
func formerly(reason, message string) *metav1.Condition {
	former := condition(v1alpha1.ConditionRotationHealthy, metav1.ConditionFalse, reason, message)
	former.LastTransitionTime = metav1.NewTime(noon.Add(-time.Hour))
	return &former
}

func TestRotationHealth(t *testing.T) {
	const day = 24 * time.Hour
	planned := source.Rotation{Enabled: true, LastRotated: noon.Add(-day), Next: noon.Add(day), Window: time.Hour}
	waiting := planned
	waiting.PendingVersion = "v2"
	due := planned
	due.Next = noon.Add(-time.Hour)
	never := source.Rotation{Enabled: true, Next: noon.Add(-time.Hour), Window: time.Hour}
	old := source.Version{Stages: []string{"AWSCURRENT"}, Changed: noon.Add(-3 * day), Rotation: &source.Rotation{LastRotated: noon.Add(-4 * day)}}
	for name, test := range map[string]struct {
		facts RotationFacts
		// after is how long after noon it is.
		after  time.Duration
		reason string
		// says is part of the message.
		says string
	}{
		"off":                                  {RotationFacts{Version: rotating(source.Rotation{})}, 0, v1alpha1.ReasonRotationDisabled, "AWS does not rotate secret db"},
		"off, with AWSPENDING left":            {RotationFacts{Version: rotating(source.Rotation{PendingVersion: "v2"})}, day, v1alpha1.ReasonRotationDisabled, ""},
		"off since it failed":                  {RotationFacts{Version: rotating(source.Rotation{}), FailedAt: noon}, 0, v1alpha1.ReasonRotationDisabled, ""},
		"planned":                              {RotationFacts{Version: rotating(planned)}, 0, v1alpha1.ReasonRotationOnSchedule, "AWS rotates secret db on schedule"},
		"on, and not planned":                  {RotationFacts{Version: rotating(source.Rotation{Enabled: true})}, 0, v1alpha1.ReasonRotationOnSchedule, ""},
		"never yet, and its time has not come": {RotationFacts{Version: rotating(source.Rotation{Enabled: true, Next: noon.Add(day)})}, 0, v1alpha1.ReasonRotationOnSchedule, ""},

		"due, within its window":           {RotationFacts{Version: rotating(due)}, 0, v1alpha1.ReasonRotationOnSchedule, ""},
		"due, in another zone":             {RotationFacts{Version: rotating(source.Rotation{Enabled: true, LastRotated: noon, Next: noon.In(time.FixedZone("", 7200))})}, 9 * day, v1alpha1.ReasonRotationOverdue, "2026-03-01T12:00:00Z"},
		"due, after its window":            {RotationFacts{Version: rotating(due)}, 1, v1alpha1.ReasonRotationOverdue, "planned for 2026-03-01T11:00:00Z did not happen"},
		"due, within a window of a day":    {RotationFacts{Version: rotating(source.Rotation{Enabled: true, LastRotated: noon, Next: noon})}, day, v1alpha1.ReasonRotationOnSchedule, ""},
		"overdue, after a window of a day": {RotationFacts{Version: rotating(source.Rotation{Enabled: true, LastRotated: noon, Next: noon})}, day + 1, v1alpha1.ReasonRotationOverdue, ""},
		"never, though it was planned":     {RotationFacts{Version: rotating(never)}, 1, v1alpha1.ReasonRotationNever, "has never rotated secret db"},
		"never, for longer than its schedule": {RotationFacts{Version: rotating(source.Rotation{Enabled: true, Every: 2 * day, Window: time.Hour})}, 2*day + time.Hour + 1,
			v1alpha1.ReasonRotationNever, "last changed, 2026-03-01T12:00:00Z"},
		"never, and planned for later than its schedule": {RotationFacts{Version: rotating(source.Rotation{Enabled: true, Every: day, Next: noon.Add(9 * day)})}, 5 * day, v1alpha1.ReasonRotationOnSchedule, ""},
		"never, and no schedule":                         {RotationFacts{Version: rotating(source.Rotation{Enabled: true})}, 9 * day, v1alpha1.ReasonRotationOnSchedule, ""},
		"never, since when is not known":                 {RotationFacts{Version: dateless(source.Rotation{Enabled: true, Every: day})}, 9 * day, v1alpha1.ReasonRotationOnSchedule, ""},
		"once, and not planned again":                    {RotationFacts{Version: rotating(source.Rotation{Enabled: true, Every: day, LastRotated: noon})}, 9 * day, v1alpha1.ReasonRotationOnSchedule, ""},
		"off, though it was planned":                     {RotationFacts{Version: rotating(source.Rotation{Next: noon.Add(-3 * day)})}, 0, v1alpha1.ReasonRotationDisabled, ""},
		"never, within its schedule":                     {RotationFacts{Version: rotating(source.Rotation{Enabled: true, Every: 2 * day, Window: time.Hour})}, 2*day + time.Hour, v1alpha1.ReasonRotationOnSchedule, ""},

		"under way for the first time":                   {RotationFacts{Version: rotating(source.Rotation{Enabled: true, Next: noon.Add(day), PendingVersion: "v2"})}, 0, v1alpha1.ReasonRotationInProgress, ""},
		"under way":                                      {RotationFacts{Version: rotating(waiting)}, rotationTakes, v1alpha1.ReasonRotationInProgress, ""},
		"waiting since nothing changed":                  {RotationFacts{Version: rotating(waiting)}, rotationTakes + 1, v1alpha1.ReasonRotationStuck, "Version v2 of secret db has waited"},
		"waiting since it was seen first":                {RotationFacts{Version: rotating(waiting), PendingSince: noon.Add(-rotationTakes)}, 1, v1alpha1.ReasonRotationStuck, ""},
		"waiting, seen for the first time after a while": {RotationFacts{Version: rotating(waiting), PendingSince: noon.Add(rotationTakes)}, rotationTakes + 1, v1alpha1.ReasonRotationStuck, ""},
		"stuck before the operator started":              {RotationFacts{Version: rotating(waiting), former: formerly(v1alpha1.ReasonRotationStuck, "Version v2 of secret db has waited")}, 0, v1alpha1.ReasonRotationStuck, ""},
		"another version was stuck before":               {RotationFacts{Version: rotating(waiting), former: formerly(v1alpha1.ReasonRotationStuck, "Version v0 of secret db has waited")}, 0, v1alpha1.ReasonRotationInProgress, ""},
		"another secret was stuck before":                {RotationFacts{Version: rotating(waiting), former: formerly(v1alpha1.ReasonRotationStuck, "Version v2 of secret web has waited")}, 0, v1alpha1.ReasonRotationInProgress, ""},
		"waiting, and no date but when it was seen":      {RotationFacts{Version: dateless(waiting), PendingSince: noon.Add(-rotationTakes)}, 1, v1alpha1.ReasonRotationStuck, ""},
		"waiting, and no date at all":                    {RotationFacts{Version: dateless(waiting)}, 9 * day, v1alpha1.ReasonRotationOverdue, ""},
		"waiting, within its window, and no date at all": {RotationFacts{Version: dateless(source.Rotation{Enabled: true, LastRotated: noon, PendingVersion: "v2"})}, 9 * day, v1alpha1.ReasonRotationInProgress, ""},
		"no longer stuck":                                {RotationFacts{Version: rotating(planned), former: formerly(v1alpha1.ReasonRotationStuck, "Version v2 of secret db has waited")}, 0, v1alpha1.ReasonRotationOnSchedule, ""},

		"failed":                             {RotationFacts{Version: rotating(waiting), FailedAt: noon}, 0, v1alpha1.ReasonRotationFailed, "a rotation of secret db failed: look at"},
		"failed, and rotated since":          {RotationFacts{Version: rotating(planned), FailedAt: noon.Add(-2 * day)}, 0, v1alpha1.ReasonRotationOnSchedule, ""},
		"failed before the operator started": {RotationFacts{Version: rotating(planned), former: formerly(v1alpha1.ReasonRotationFailed, "of secret db failed")}, 0, v1alpha1.ReasonRotationFailed, ""},
		"failed then, and rotated since": {RotationFacts{Version: rotating(source.Rotation{Enabled: true, LastRotated: noon}), former: formerly(v1alpha1.ReasonRotationFailed, "of secret db failed")}, 0,
			v1alpha1.ReasonRotationOnSchedule, ""},
		"failed by an event, and another failure is over": {RotationFacts{Version: rotating(source.Rotation{Enabled: true, LastRotated: noon.Add(-30 * time.Minute)}), FailedAt: noon,
			former: formerly(v1alpha1.ReasonRotationFailed, "of secret db failed")}, 0, v1alpha1.ReasonRotationFailed, ""},
		"failed, and another waits in the same second":    {RotationFacts{Version: rotated(noon.Add(500*time.Millisecond), "v2"), FailedAt: noon}, 0, v1alpha1.ReasonRotationFailed, ""},
		"failed, and rotated in the same second":          {RotationFacts{Version: rotated(noon, ""), FailedAt: noon.Add(500 * time.Millisecond)}, 0, v1alpha1.ReasonRotationOnSchedule, ""},
		"failed, rotated some seconds later, and waiting": {RotationFacts{Version: rotated(noon.Add(5*time.Second), "v2"), FailedAt: noon}, 0, v1alpha1.ReasonRotationInProgress, ""},
		"failed some seconds after it was rotated":        {RotationFacts{Version: rotated(noon, ""), FailedAt: noon.Add(5 * time.Second)}, 0, v1alpha1.ReasonRotationFailed, ""},
		"failed is worse than overdue":                    {RotationFacts{Version: rotating(due), FailedAt: noon}, day, v1alpha1.ReasonRotationFailed, ""},

		"too old, by the version":         {RotationFacts{Version: rotating(planned), Created: noon.Add(-2 * day), maxAge: day}, 0, v1alpha1.ReasonRotationTooOld, "value of secret db was made on 2026-02-27T12:00:00Z, and spec.rotation.maxAge lets it become 24h0m0s old"},
		"just young enough":               {RotationFacts{Version: rotating(planned), Created: noon.Add(-day), maxAge: day}, 0, v1alpha1.ReasonRotationOnSchedule, ""},
		"too old, by the last rotation":   {RotationFacts{Version: old, maxAge: day}, 0, v1alpha1.ReasonRotationTooOld, "was last rotated on 2026-02-25T12:00:00Z"},
		"too old, by the last change":     {RotationFacts{Version: source.Version{Stages: []string{"AWSCURRENT"}, Changed: noon.Add(-3 * day), Rotation: &source.Rotation{}}, maxAge: day}, 0, v1alpha1.ReasonRotationTooOld, "was last changed on 2026-02-26T12:00:00Z"},
		"too old, and the one before too": {RotationFacts{Version: source.Version{Stages: []string{"AWSCURRENT", "AWSPREVIOUS"}, Created: noon.Add(-2 * day)}, maxAge: day}, 0, v1alpha1.ReasonRotationTooOld, ""},
		"too old, and no rotation known":  {RotationFacts{Version: source.Version{Stages: []string{"AWSCURRENT"}, Changed: noon.Add(-2 * day)}, maxAge: day}, 0, v1alpha1.ReasonRotationTooOld, "was last changed"},
		"another label, and last rotated": {RotationFacts{Version: source.Version{Stages: []string{"BLUE"}, Rotation: &source.Rotation{LastRotated: noon.Add(-3 * day)}}, maxAge: day}, 0, v1alpha1.ReasonRotationDisabled, ""},
		"no date is known":                {RotationFacts{Version: source.Version{Rotation: &source.Rotation{}}, maxAge: day}, day, v1alpha1.ReasonRotationDisabled, ""},
		"a label that is not AWSCURRENT":  {RotationFacts{Version: source.Version{Stages: []string{"BLUE"}, Changed: noon.Add(-3 * day), Rotation: &source.Rotation{}}, maxAge: day}, 0, v1alpha1.ReasonRotationDisabled, ""},
		"the version before the current":  {RotationFacts{Version: source.Version{Stages: []string{"AWSPREVIOUS"}, Created: noon.Add(-3 * day), Rotation: &source.Rotation{}}, maxAge: day}, 0, v1alpha1.ReasonRotationDisabled, ""},
		"too old, and nothing else known": {RotationFacts{Version: source.Version{Created: noon.Add(-2 * day)}, maxAge: day}, 0, v1alpha1.ReasonRotationTooOld, ""},
		"nothing known":                   {RotationFacts{Version: source.Version{Created: noon}, maxAge: day}, 0, "", ""},
		"nothing known, nothing expected": {RotationFacts{Version: source.Version{Created: noon}}, 9 * day, "", ""},
	} {
		test.facts.SecretID = "db"
		got, known := rotationHealth(test.facts, noon.Add(test.after))
		if got.Reason != test.reason || known != (test.reason != "") || !strings.Contains(got.Message, test.says) {
			t.Errorf("%s: %v %s: %s", name, known, got.Reason, got.Message)
			continue
		}
		if want := statusFor(test.reason); known && got.Status != want {
			t.Errorf("%s: %s is %s", name, got.Reason, got.Status)
		}
	}
}

// A secret that AWS rotates itself has no function, and no log of one.
func TestWhereToLookForARotation(t *testing.T) {
	due := source.Rotation{Enabled: true, LastRotated: noon.Add(-48 * time.Hour), Next: noon.Add(-time.Hour), Window: time.Minute}
	never, stuck := due, due
	never.LastRotated, stuck.PendingVersion = time.Time{}, "v2"
	for name, test := range map[string]struct {
		by    source.Rotator
		looks string
	}{
		"function": {source.Rotator{}, "log in CloudWatch"},
		"service":  {source.Rotator{Service: "rds"}, "the AWS service rds rotates it, without a function: look at the state of the secret there"},
		"partner":  {source.Rotator{Partner: "SalesforceClientSecret"}, "managed external secret of type SalesforceClientSecret"},
	} {
		for reason, rotation := range map[string]source.Rotation{
			v1alpha1.ReasonRotationOverdue: due, v1alpha1.ReasonRotationNever: never, v1alpha1.ReasonRotationStuck: stuck, v1alpha1.ReasonRotationFailed: due,
		} {
			rotation.By = test.by
			facts := RotationFacts{SecretID: "db", Version: rotating(rotation)}
			if reason == v1alpha1.ReasonRotationFailed {
				facts.FailedAt = noon
			}
			got, _ := rotationHealth(facts, noon.Add(2*rotationTakes))
			if got.Reason != reason || !strings.Contains(got.Message, test.looks) || name != "function" && strings.Contains(got.Message, "CloudWatch") {
				t.Errorf("%s, by a %s: %s: %s", reason, name, got.Reason, got.Message)
			}
		}
	}
}

// statusFor is the status that goes with a reason.
func statusFor(reason string) metav1.ConditionStatus {
	switch reason {
	case v1alpha1.ReasonRotationOnSchedule, v1alpha1.ReasonRotationInProgress:
		return metav1.ConditionTrue
	case v1alpha1.ReasonRotationDisabled:
		return metav1.ConditionUnknown
	}
	return metav1.ConditionFalse
}

// health is RotationHealthy after a reconcile that has resolved a version; nil where there is none. The outcome becomes
// that of the next reconcile.
func health(outcome *Outcome, version source.Version) *metav1.Condition {
	outcome.Rotations = []RotationFacts{{SecretID: "db", Version: version}}
	status := Describe(outcome, noon)
	*outcome = *outcome.next(status)
	return meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionRotationHealthy)
}

func TestAnAgeThatIsNoLongerOneIsForgotten(t *testing.T) {
	outcome := polled("version-1", "version-1")
	outcome.SecretSync.Spec.Rotation = &v1alpha1.RotationExpectations{MaxAge: &metav1.Duration{Duration: time.Hour}}
	if got := health(outcome, source.Version{Created: noon.Add(-2 * time.Hour)}); got == nil || got.Reason != v1alpha1.ReasonRotationTooOld {
		t.Fatalf("%v", got)
	}
	if got := health(outcome, source.Version{Created: noon}); got != nil {
		t.Errorf("%v", got)
	}
}

// Where nothing is known of a rotation the condition stays as it is, and no age is judged that none is set for.
func TestWhatIsNotKnownOfARotationChangesNothing(t *testing.T) {
	outcome := polled("version-1", "version-1")
	outcome.SecretSync.Spec.Rotation = &v1alpha1.RotationExpectations{}
	if got := health(outcome, source.Version{Created: noon.AddDate(-1, 0, 0)}); got != nil {
		t.Errorf("without an age: %v", got)
	}
	unhealthy := func(reason string) {
		outcome.SecretSync.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionRotationHealthy, metav1.ConditionFalse, reason, "because")}
	}
	unhealthy(v1alpha1.ReasonRotationStuck)
	if got := health(outcome, source.Version{}); got == nil || got.Reason != v1alpha1.ReasonRotationStuck {
		t.Errorf("what was stuck is %v", got)
	}
	unhealthy(v1alpha1.ReasonRotationTooOld)
	outcome.Rotations = nil
	status := Describe(outcome, noon)
	if got := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionRotationHealthy); got == nil {
		t.Error("what was too old is no longer, though no version was resolved")
	}
}

func TestTheWorstRotationSpeaksForAll(t *testing.T) {
	off := condition("", metav1.ConditionUnknown, v1alpha1.ReasonRotationDisabled, "")
	well := condition("", metav1.ConditionTrue, v1alpha1.ReasonRotationOnSchedule, "")
	late := condition("", metav1.ConditionFalse, v1alpha1.ReasonRotationOverdue, "")
	stuck := condition("", metav1.ConditionFalse, v1alpha1.ReasonRotationStuck, "")
	for name, test := range map[string]struct {
		all  []metav1.Condition
		want string
	}{
		"only one":            {[]metav1.Condition{well}, v1alpha1.ReasonRotationOnSchedule},
		"well and off":        {[]metav1.Condition{off, well}, v1alpha1.ReasonRotationOnSchedule},
		"one is late":         {[]metav1.Condition{off, well, late}, v1alpha1.ReasonRotationOverdue},
		"the first of two":    {[]metav1.Condition{well, stuck, late}, v1alpha1.ReasonRotationStuck},
		"all that are is off": {[]metav1.Condition{off, off}, v1alpha1.ReasonRotationDisabled},
	} {
		if got := worstRotation(test.all...); got.Reason != test.want {
			t.Errorf("%s: %s", name, got.Reason)
		}
	}
}

// TestAFailedRotationIsRememberedOverAStartOfTheOperator: AWS reports a failure once, and status has it.
func TestAFailedRotationIsRememberedOverAStartOfTheOperator(t *testing.T) {
	outcome := polled("version-1", "version-1")
	outcome.SecretSync.Status.Conditions = []metav1.Condition{*formerly(v1alpha1.ReasonRotationFailed, "AWS says that a rotation of secret db failed")}
	got := health(outcome, rotated(noon.Add(-24*time.Hour), "v2"))
	if got == nil || got.Reason != v1alpha1.ReasonRotationFailed {
		t.Errorf("the condition is %v", got)
	}
}
