package secretsync

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// rotating is a version of a secret with a rotation; it was changed at noon.
func rotating(rotation source.Rotation) source.Version {
	return source.Version{ARN: "arn", ID: "v1", Stages: []string{"AWSCURRENT"}, Changed: noon, Rotation: &rotation}
}

// dateless is one whose secret was changed at a time that is not known, rotated one that AWS has rotated then, while another
// version may wait.
func dateless(rotation source.Rotation) source.Version {
	return source.Version{ARN: "arn", ID: "v1", Stages: []string{"AWSCURRENT"}, Rotation: &rotation}
}

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
		facts rotationFacts
		// after is how long after noon it is.
		after  time.Duration
		reason string
		// says is part of the message.
		says string
	}{
		"off":                                  {rotationFacts{version: rotating(source.Rotation{})}, 0, v1alpha1.ReasonRotationDisabled, "AWS does not rotate secret db"},
		"off, with AWSPENDING left":            {rotationFacts{version: rotating(source.Rotation{PendingVersion: "v2"})}, day, v1alpha1.ReasonRotationDisabled, ""},
		"off since it failed":                  {rotationFacts{version: rotating(source.Rotation{}), failedAt: noon}, 0, v1alpha1.ReasonRotationDisabled, ""},
		"planned":                              {rotationFacts{version: rotating(planned)}, 0, v1alpha1.ReasonRotationOnSchedule, "AWS rotates secret db on schedule"},
		"on, and not planned":                  {rotationFacts{version: rotating(source.Rotation{Enabled: true})}, 0, v1alpha1.ReasonRotationOnSchedule, ""},
		"never yet, and its time has not come": {rotationFacts{version: rotating(source.Rotation{Enabled: true, Next: noon.Add(day)})}, 0, v1alpha1.ReasonRotationOnSchedule, ""},

		"due, within its window":           {rotationFacts{version: rotating(due)}, 0, v1alpha1.ReasonRotationOnSchedule, ""},
		"due, in another zone":             {rotationFacts{version: rotating(source.Rotation{Enabled: true, LastRotated: noon, Next: noon.In(time.FixedZone("", 7200))})}, 9 * day, v1alpha1.ReasonRotationOverdue, "2026-03-01T12:00:00Z"},
		"due, after its window":            {rotationFacts{version: rotating(due)}, 1, v1alpha1.ReasonRotationOverdue, "planned for 2026-03-01T11:00:00Z did not happen"},
		"due, within a window of a day":    {rotationFacts{version: rotating(source.Rotation{Enabled: true, LastRotated: noon, Next: noon})}, day, v1alpha1.ReasonRotationOnSchedule, ""},
		"overdue, after a window of a day": {rotationFacts{version: rotating(source.Rotation{Enabled: true, LastRotated: noon, Next: noon})}, day + 1, v1alpha1.ReasonRotationOverdue, ""},
		"never, though it was planned":     {rotationFacts{version: rotating(never)}, 1, v1alpha1.ReasonRotationNever, "has never rotated secret db"},
		"never, for longer than its schedule": {rotationFacts{version: rotating(source.Rotation{Enabled: true, Every: 2 * day, Window: time.Hour})}, 2*day + time.Hour + 1,
			v1alpha1.ReasonRotationNever, "last changed, 2026-03-01T12:00:00Z"},
		"never, and planned for later than its schedule": {rotationFacts{version: rotating(source.Rotation{Enabled: true, Every: day, Next: noon.Add(9 * day)})}, 5 * day, v1alpha1.ReasonRotationOnSchedule, ""},
		"never, and no schedule":                         {rotationFacts{version: rotating(source.Rotation{Enabled: true})}, 9 * day, v1alpha1.ReasonRotationOnSchedule, ""},
		"never, since when is not known":                 {rotationFacts{version: dateless(source.Rotation{Enabled: true, Every: day})}, 9 * day, v1alpha1.ReasonRotationOnSchedule, ""},
		"once, and not planned again":                    {rotationFacts{version: rotating(source.Rotation{Enabled: true, Every: day, LastRotated: noon})}, 9 * day, v1alpha1.ReasonRotationOnSchedule, ""},
		"off, though it was planned":                     {rotationFacts{version: rotating(source.Rotation{Next: noon.Add(-3 * day)})}, 0, v1alpha1.ReasonRotationDisabled, ""},
		"never, within its schedule":                     {rotationFacts{version: rotating(source.Rotation{Enabled: true, Every: 2 * day, Window: time.Hour})}, 2*day + time.Hour, v1alpha1.ReasonRotationOnSchedule, ""},

		"under way":                                      {rotationFacts{version: rotating(waiting)}, rotationTakes, v1alpha1.ReasonRotationInProgress, ""},
		"waiting since nothing changed":                  {rotationFacts{version: rotating(waiting)}, rotationTakes + 1, v1alpha1.ReasonRotationStuck, "Version v2 of secret db has waited"},
		"waiting since it was seen first":                {rotationFacts{version: rotating(waiting), pendingSince: noon.Add(-rotationTakes)}, 1, v1alpha1.ReasonRotationStuck, ""},
		"waiting, seen for the first time after a while": {rotationFacts{version: rotating(waiting), pendingSince: noon.Add(rotationTakes)}, rotationTakes + 1, v1alpha1.ReasonRotationStuck, ""},
		"stuck before the operator started":              {rotationFacts{version: rotating(waiting), former: formerly(v1alpha1.ReasonRotationStuck, "Version v2 of secret db has waited")}, 0, v1alpha1.ReasonRotationStuck, ""},
		"another version was stuck before":               {rotationFacts{version: rotating(waiting), former: formerly(v1alpha1.ReasonRotationStuck, "Version v0 of secret db has waited")}, 0, v1alpha1.ReasonRotationInProgress, ""},
		"another secret was stuck before":                {rotationFacts{version: rotating(waiting), former: formerly(v1alpha1.ReasonRotationStuck, "Version v2 of secret web has waited")}, 0, v1alpha1.ReasonRotationInProgress, ""},
		"waiting, and no date but when it was seen":      {rotationFacts{version: dateless(waiting), pendingSince: noon.Add(-rotationTakes)}, 1, v1alpha1.ReasonRotationStuck, ""},
		"waiting, and no date at all":                    {rotationFacts{version: dateless(waiting)}, 9 * day, v1alpha1.ReasonRotationOverdue, ""},
		"waiting, within its window, and no date at all": {rotationFacts{version: dateless(source.Rotation{Enabled: true, LastRotated: noon, PendingVersion: "v2"})}, 9 * day, v1alpha1.ReasonRotationInProgress, ""},
		"no longer stuck":                                {rotationFacts{version: rotating(planned), former: formerly(v1alpha1.ReasonRotationStuck, "Version v2 of secret db has waited")}, 0, v1alpha1.ReasonRotationOnSchedule, ""},

		"failed":                             {rotationFacts{version: rotating(waiting), failedAt: noon}, 0, v1alpha1.ReasonRotationFailed, "a rotation of secret db failed: look at"},
		"failed, and rotated since":          {rotationFacts{version: rotating(planned), failedAt: noon.Add(-2 * day)}, 0, v1alpha1.ReasonRotationOnSchedule, ""},
		"failed before the operator started": {rotationFacts{version: rotating(planned), former: formerly(v1alpha1.ReasonRotationFailed, "of secret db failed")}, 0, v1alpha1.ReasonRotationFailed, ""},
		"failed then, and rotated since": {rotationFacts{version: rotating(source.Rotation{Enabled: true, LastRotated: noon}), former: formerly(v1alpha1.ReasonRotationFailed, "of secret db failed")}, 0,
			v1alpha1.ReasonRotationOnSchedule, ""},
		"failed by an event, and another failure was mended": {rotationFacts{version: rotating(source.Rotation{Enabled: true, LastRotated: noon.Add(-30 * time.Minute)}), failedAt: noon,
			former: formerly(v1alpha1.ReasonRotationFailed, "of secret db failed")}, 0, v1alpha1.ReasonRotationFailed, ""},
		"failed, and another waits in the same second":    {rotationFacts{version: rotated(noon.Add(500*time.Millisecond), "v2"), failedAt: noon}, 0, v1alpha1.ReasonRotationFailed, ""},
		"failed, and rotated in the same second":          {rotationFacts{version: rotated(noon, ""), failedAt: noon.Add(500 * time.Millisecond)}, 0, v1alpha1.ReasonRotationOnSchedule, ""},
		"failed, rotated some seconds later, and waiting": {rotationFacts{version: rotated(noon.Add(5*time.Second), "v2"), failedAt: noon}, 0, v1alpha1.ReasonRotationInProgress, ""},
		"failed some seconds after it was rotated":        {rotationFacts{version: rotated(noon, ""), failedAt: noon.Add(5 * time.Second)}, 0, v1alpha1.ReasonRotationFailed, ""},
		"failed is worse than overdue":                    {rotationFacts{version: rotating(due), failedAt: noon}, day, v1alpha1.ReasonRotationFailed, ""},

		"too old, by the version":         {rotationFacts{version: rotating(planned), created: noon.Add(-2 * day), maxAge: day}, 0, v1alpha1.ReasonRotationTooOld, "value of secret db was made on 2026-02-27T12:00:00Z, and spec.rotation.maxAge lets it become 24h0m0s old"},
		"just young enough":               {rotationFacts{version: rotating(planned), created: noon.Add(-day), maxAge: day}, 0, v1alpha1.ReasonRotationOnSchedule, ""},
		"too old, by the last rotation":   {rotationFacts{version: old, maxAge: day}, 0, v1alpha1.ReasonRotationTooOld, "was last rotated on 2026-02-25T12:00:00Z"},
		"too old, by the last change":     {rotationFacts{version: source.Version{Stages: []string{"AWSCURRENT"}, Changed: noon.Add(-3 * day), Rotation: &source.Rotation{}}, maxAge: day}, 0, v1alpha1.ReasonRotationTooOld, "was last changed on 2026-02-26T12:00:00Z"},
		"too old, and the one before too": {rotationFacts{version: source.Version{Stages: []string{"AWSCURRENT", "AWSPREVIOUS"}, Created: noon.Add(-2 * day)}, maxAge: day}, 0, v1alpha1.ReasonRotationTooOld, ""},
		"too old, and no rotation known":  {rotationFacts{version: source.Version{Stages: []string{"AWSCURRENT"}, Changed: noon.Add(-2 * day)}, maxAge: day}, 0, v1alpha1.ReasonRotationTooOld, "was last changed"},
		"another label, and last rotated": {rotationFacts{version: source.Version{Stages: []string{"BLUE"}, Rotation: &source.Rotation{LastRotated: noon.Add(-3 * day)}}, maxAge: day}, 0, v1alpha1.ReasonRotationDisabled, ""},
		"no date is known":                {rotationFacts{version: source.Version{Rotation: &source.Rotation{}}, maxAge: day}, day, v1alpha1.ReasonRotationDisabled, ""},
		"a label that is not AWSCURRENT":  {rotationFacts{version: source.Version{Stages: []string{"BLUE"}, Changed: noon.Add(-3 * day), Rotation: &source.Rotation{}}, maxAge: day}, 0, v1alpha1.ReasonRotationDisabled, ""},
		"the version before the current":  {rotationFacts{version: source.Version{Stages: []string{"AWSPREVIOUS"}, Created: noon.Add(-3 * day), Rotation: &source.Rotation{}}, maxAge: day}, 0, v1alpha1.ReasonRotationDisabled, ""},
		"too old, and nothing else known": {rotationFacts{version: source.Version{Created: noon.Add(-2 * day)}, maxAge: day}, 0, v1alpha1.ReasonRotationTooOld, ""},
		"nothing known":                   {rotationFacts{version: source.Version{Created: noon}, maxAge: day}, 0, "", ""},
		"nothing known, nothing expected": {rotationFacts{version: source.Version{Created: noon}}, 9 * day, "", ""},
	} {
		test.facts.secretID = "db"
		got, known := rotationHealth(test.facts, noon.Add(test.after))
		if got.Reason != test.reason || known != (test.reason != "") || !strings.Contains(got.Message, test.says) {
			t.Errorf("%s: %v %s: %s", name, known, got.Reason, got.Message)
			continue
		}
		if known && !slices.Contains(rotationReasons(), got.Reason) {
			t.Errorf("%s: %s is not counted", name, got.Reason)
		}
		if want := statusFor(test.reason); known && got.Status != want {
			t.Errorf("%s: %s is %s", name, got.Reason, got.Status)
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

func TestWaitsKnowSinceWhen(t *testing.T) {
	var seen waits
	first := rotating(source.Rotation{PendingVersion: "v2"})
	second := rotating(source.Rotation{PendingVersion: "v3"})
	other := first
	other.ARN = "another"
	for _, step := range []struct {
		version source.Version
		at      time.Duration
		since   time.Duration
	}{{first, 0, 0}, {first, 5, 0}, {other, 6, 6}, {second, 7, 7}, {second, 9, 7}, {other, 9, 6}} {
		if got := seen.see(step.version, noon.Add(step.at)); !got.Equal(noon.Add(step.since)) {
			t.Errorf("%s of %s at %d waits since %s", step.version.Rotation.PendingVersion, step.version.ARN, step.at, got)
		}
	}
	if got := seen.see(rotating(source.Rotation{}), noon); !got.IsZero() || len(seen) != 1 {
		t.Errorf("%d wait still, since %s", len(seen), got)
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
		"one":                 {[]metav1.Condition{well}, v1alpha1.ReasonRotationOnSchedule},
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
