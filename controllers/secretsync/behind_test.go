package secretsync

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// behind is a source that says of versions one thing, and of values another.
type behind struct {
	mutex             sync.Mutex        // Several inputs are asked for at once.
	says, gives       map[string]string // by staging label
	changed           time.Time
	behind            bool
	missing, unread   error
	observes, fetches int
	questions         []source.VersionQuery
}

func (b *behind) Resolve(_ context.Context, query source.VersionQuery) (source.Resolution, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.observes++
	b.questions = append(b.questions, query)
	version := source.Version{ARN: "arn", ID: b.says[query.VersionStage], Region: "eu-west-1", Changed: b.changed}
	return source.Resolution{Version: version, Outdated: b.behind}, b.missing
}

func (b *behind) Fetch(_ context.Context, ref source.Ref, _ source.Version) (source.Fetched, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.fetches++
	id := b.gives[ref.VersionStage]
	return source.Fetched{Version: source.Version{ARN: "arn", ID: id, Region: "eu-west-1", Created: noon}, Value: source.TextValue("of " + id)}, b.unread
}

func (b *behind) Find(context.Context, source.FindQuery) ([]source.Found, error) { return nil, nil }

func at(version string) map[string]string {
	return map[string]string{v1alpha1.DefaultVersionStage: version}
}

// lagging is a world whose AWS may be behind, with a Secret that is in sync with v1.
func lagging(t *testing.T, edit func(*v1alpha1.SecretSync)) (*world, *behind) {
	t.Helper()
	secretSync := fresh()
	if edit != nil {
		edit(secretSync)
	}
	w, aws := newWorld(t, secretSync), &behind{says: at("v1"), gives: at("v1"), changed: noon.Add(1234567 * time.Microsecond)}
	w.Source = aws
	w.settle(t)
	w.sent()
	aws.observes, aws.fetches = 0, 0
	return w, aws
}

func (w *world) value(t *testing.T) string {
	t.Helper()
	return string(w.secret(t, "db").Data["value"])
}

// next lets time pass until the next look is due, and looks.
func (w *world) next(t *testing.T) time.Duration {
	t.Helper()
	due := w.memories.byName[here].nextLook.get()
	passed := due.Sub(w.clock.Now())
	w.clock.SetTime(due)
	w.turn(t)
	return passed
}

func TestAValueOfAnotherVersionIsNotPublished(t *testing.T) {
	w, aws := lagging(t, nil)
	aws.says = at("v2")
	w.clock.SetTime(noon.Add(10 * time.Minute))
	for try := range settleTries - 1 {
		result := w.turn(t)
		if wait := result.RequeueAfter; wait <= 0 || wait > 2*settleMost || w.value(t) != "of v1" {
			t.Fatalf("try %d: again after %s", try, wait)
		}
		if looks, reads := aws.observes, aws.fetches; looks > 2*(try+1) || reads > try+1 {
			t.Fatalf("%d tries cost %d looks and %d reads", try+1, looks, reads)
		}
	}
	w.wantUnreported(t)
	w.turn(t)
	ready := meta.FindStatusCondition(w.now(t).Status.Conditions, v1alpha1.ConditionReady)
	if troubleOf(w.now(t)) != v1alpha1.ReasonSourceFailed || ready.Status != metav1.ConditionTrue || !strings.Contains(ready.Message, "is at version v2, and gives the value of version v1") {
		t.Errorf("once it lasts, it is %q, Ready %s: %s", troubleOf(w.now(t)), ready.Status, ready.Message)
	}
	w.sent()
	aws.gives = at("v2")
	w.next(t)
	w.settle(t)
	if sent := w.sent(); w.value(t) != "of v2" || !strings.Contains(strings.Join(sent, "\n"), "from version v1 to v2") {
		t.Errorf("once both are the same: %q", sent)
	}
	if status := w.now(t).Status.Sources[0]; status.VersionID != "v2" || w.memories.byName[here].unsettled != 0 {
		t.Errorf("status names version %s", status.VersionID)
	}
}

// wantUnreported wants neither events nor status to tell of trouble.
func (w *world) wantUnreported(t *testing.T) {
	t.Helper()
	if sent := w.sent(); len(sent) > 0 || troubleOf(w.now(t)) != "" {
		t.Errorf("it is reported while it may be over soon: %q, %s", sent, troubleOf(w.now(t)))
	}
}

// The value tells of a label that has moved since the version was looked at.
func TestAValueThatIsNewerThanTheVersionIsLookedAtAgain(t *testing.T) {
	w, aws := lagging(t, nil)
	aws.says, aws.gives = at("v2"), at("v3")
	moved := &moving{behind: aws}
	w.Source = moved
	w.clock.SetTime(noon.Add(10 * time.Minute))
	w.turn(t)
	if w.value(t) != "of v3" || aws.observes != 2 || aws.fetches != 1 {
		t.Errorf("%q after %d looks and %d reads", w.value(t), aws.observes, aws.fetches)
	}
}

// moving has the label move after the first look.
type moving struct{ *behind }

func (m *moving) Resolve(ctx context.Context, query source.VersionQuery) (source.Resolution, error) {
	resolution, err := m.behind.Resolve(ctx, query)
	m.says = m.gives
	return resolution, err
}

// While both agree, nothing more is asked.
func TestAValueOfTheVersionCostsNoSecondLook(t *testing.T) {
	w, aws := lagging(t, nil)
	aws.says, aws.gives = at("v2"), at("v2")
	w.clock.SetTime(noon.Add(10 * time.Minute))
	w.turn(t)
	if w.value(t) != "of v2" || aws.observes != 1 || aws.fetches != 1 {
		t.Errorf("%q after %d looks and %d reads", w.value(t), aws.observes, aws.fetches)
	}
}

func TestAFormerValueOfAnotherVersionIsNotPublished(t *testing.T) {
	w, aws := lagging(t, func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.KeepPrevious = &v1alpha1.KeepPrevious{For: metav1.Duration{Duration: time.Hour}}
	})
	aws.says = map[string]string{"AWSCURRENT": "v2", "AWSPREVIOUS": "v1"}
	aws.gives = map[string]string{"AWSCURRENT": "v2", "AWSPREVIOUS": "v0"}
	w.clock.SetTime(noon.Add(10 * time.Minute))
	w.turn(t)
	if held := w.secret(t, "db").Data; len(held) != 1 || string(held["value"]) != "of v1" {
		t.Errorf("the Secret has %d keys", len(held))
	}
	aws.gives["AWSPREVIOUS"] = "v1"
	w.turn(t)
	if held := w.secret(t, "db").Data; string(held["value"]) != "of v2" || string(held["value_previous"]) != "of v1" {
		t.Errorf("the Secret has %d keys", len(held))
	}
}

// flapping is a source of a secret whose two labels change places after each look, while it does.
type flapping struct {
	*behind
	state int
	still bool
}

func (f *flapping) Resolve(_ context.Context, query source.VersionQuery) (source.Resolution, error) {
	labels := map[string]string{"AWSCURRENT": "v2", "AWSPREVIOUS": "v1"}
	if f.state%2 == 1 {
		labels = map[string]string{"AWSCURRENT": "v1", "AWSPREVIOUS": "v2"}
	}
	version := source.Version{ARN: "arn", ID: labels[query.VersionStage], Region: "eu-west-1", Changed: f.changed.Add(time.Duration(f.state) * time.Second)}
	if !f.still {
		f.state++
	}
	return source.Resolution{Version: version}, nil
}

func (f *flapping) Fetch(_ context.Context, _ source.Ref, observed source.Version) (source.Fetched, error) {
	return source.Fetched{Version: observed, Value: source.TextValue("of " + observed.ID)}, nil
}

// Two labels of one secret are on one version at no moment, and both found on it twice where they move back and forth
// between the looks.
func TestLabelsThatMoveBackAndForthAreTakenAsTheyAreAtOneMoment(t *testing.T) {
	w, aws := lagging(t, func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.KeepPrevious = &v1alpha1.KeepPrevious{For: metav1.Duration{Duration: time.Hour}}
	})
	flaps := &flapping{behind: aws}
	w.Source = flaps
	w.clock.SetTime(noon.Add(10 * time.Minute))
	for range settleTries - 2 {
		w.turn(t)
		if held := w.secret(t, "db").Data; len(held) != 1 || string(held["value"]) != "of v1" {
			t.Fatalf("the Secret has %q and %q", held["value"], held["value_previous"])
		}
	}
	w.wantUnreported(t)
	flaps.still, flaps.state = true, 100
	w.turn(t)
	if held := w.secret(t, "db").Data; string(held["value"]) != "of v2" || string(held["value_previous"]) != "of v1" {
		t.Errorf("the Secret has %q and %q", held["value"], held["value_previous"])
	}
}

// undated is a source whose answers have no date, as where DescribeSecret is denied.
type undated struct{ *behind }

func (u *undated) Resolve(ctx context.Context, query source.VersionQuery) (source.Resolution, error) {
	resolution, err := u.behind.Resolve(ctx, query)
	resolution.Version.Changed = time.Time{}
	return resolution, err
}

// AWS moves AWSPREVIOUS with AWSCURRENT: where only the values tell, a former one of before is not published beside the
// present one, unless AWS says so for a while, as after moves by hand.
func TestAFormerValueThatWasLeftBehindIsNotPublished(t *testing.T) {
	w, aws := lagging(t, func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.KeepPrevious = &v1alpha1.KeepPrevious{For: metav1.Duration{Duration: time.Hour}}
	})
	w.Source = &undated{aws}
	now := noon.Add(10 * time.Minute)
	says := func(current, previous string) {
		aws.says = map[string]string{"AWSCURRENT": current, "AWSPREVIOUS": previous}
		aws.gives = aws.says
		now = now.Add(10 * time.Minute)
		w.clock.SetTime(now)
	}
	holds := func(when, current, previous string) {
		t.Helper()
		if held := w.secret(t, "db").Data; string(held["value"]) != "of "+current || string(held["value_previous"]) != "of "+previous {
			t.Errorf("%s: the Secret has %q and %q", when, held["value"], held["value_previous"])
		}
	}
	says("v2", "v1")
	w.turn(t)
	holds("rotated", "v2", "v1")
	w.settle(t)
	w.sent()
	for previous, when := range map[string]string{"v1": "AWSPREVIOUS left behind", "v3": "one that is beside itself"} {
		says("v3", previous)
		for range settleTries/2 - 1 {
			w.turn(t)
			holds(when, "v2", "v1")
		}
	}
	says("v2", "v2")
	w.turn(t)
	holds("AWSCURRENT left behind", "v2", "v1")
	w.wantUnreported(t)
	says("v3", "v2")
	w.turn(t)
	holds("rotated again", "v3", "v2")
	w.settle(t)
	says("v4", "v2")
	for range settleTries + 1 {
		w.turn(t)
	}
	holds("it lasts", "v4", "v2")
}

func TestAValueThatIsNotThereYetIsReadAgain(t *testing.T) {
	w, aws := lagging(t, nil)
	aws.says, aws.unread = at("v2"), &source.Error{Kind: source.VersionNotFound, Explanation: "no such version"}
	w.clock.SetTime(noon.Add(10 * time.Minute))
	for range unreadTries - 1 {
		w.turn(t)
	}
	w.wantUnreported(t)
	w.turn(t)
	if troubleOf(w.now(t)) != v1alpha1.ReasonVersionNotFound || w.value(t) != "of v1" {
		t.Errorf("once it lasts, it is %q", troubleOf(w.now(t)))
	}
}

// AWS does not have the optional secret, or the found one, that is in the Secret: as long as that may be out of date no
// key goes.
func TestWhatMayBeOutOfDateTakesNoKeyAway(t *testing.T) {
	for name, test := range map[string]struct {
		behind bool
		want   []string
	}{
		"an answer that may be out of date": {true, []string{"a", "b"}},
		"one that is not":                   {false, []string{"b"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, aws := lagging(t, func(secretSync *v1alpha1.SecretSync) {
				secretSync.Spec.Data = []v1alpha1.DataKey{{Key: "a", Optional: true}, {Key: "b", Source: other("other", "")}}
			})
			aws.missing = &source.Error{Kind: source.VersionNotFound, Explanation: "no such label", Outdated: test.behind}
			w.Source = &only{aws, "db"}
			w.clock.SetTime(noon.Add(10 * time.Minute))
			before := w.now(t)
			w.turn(t)
			var keys []string
			for key := range w.secret(t, "db").Data {
				keys = append(keys, key)
			}
			w.turn(t) // Status comes after the Secret.
			if slices.Sort(keys); !slices.Equal(keys, test.want) || troubleOf(w.now(t)) != "" {
				t.Errorf("the Secret has the keys %q, %s", keys, troubleOf(w.now(t)))
			}
			if same := cmp.Equal(before.Status, w.now(t).Status); same != test.behind {
				t.Errorf("status is the same: %v", same)
			}
		})
	}
}

// As long as it is not known which version of one secret holds, nothing new of another one is published beside it.
func TestNothingIsPublishedBesideAVersionInDoubt(t *testing.T) {
	w, aws := lagging(t, func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.Data = []v1alpha1.DataKey{{Key: "a"}, {Key: "b", Source: other("other", "")}}
	})
	aws.says, aws.gives = at("v2"), at("v2")
	w.clock.SetTime(noon.Add(10 * time.Minute))
	for name, sure := range map[string]int{"from the first look on": 0, "once the values are read": 1} {
		w.Source = &doubting{aws, "other", sure}
		w.turn(t)
		w.wantUnreported(t)
		if got := string(w.secret(t, "db").Data["a"]); got != "of v1" {
			t.Errorf("%s: the Secret has the value %q", name, got)
		}
		w.clock.SetTime(w.clock.Now().Add(settleMost))
	}
	w.Source = aws
	w.turn(t)
	if got := string(w.secret(t, "db").Data["a"]); got != "of v2" {
		t.Errorf("once it is known, the Secret has the value %q", got)
	}
}

// doubting does not know which version of one secret holds, after it was sure some times.
type doubting struct {
	*behind
	secretID string
	sure     int
}

func (d *doubting) Resolve(ctx context.Context, query source.VersionQuery) (source.Resolution, error) {
	if query.SecretID != d.secretID {
		return d.behind.Resolve(ctx, query)
	}
	d.sure-- // One input alone is of this secret, and looked at by one goroutine at a time.
	doubts := d.sure < 0
	return source.Resolution{Version: query.Synced, Outdated: doubts, Uncertain: doubts}, nil
}

func (d *doubting) Fetch(ctx context.Context, ref source.Ref, observed source.Version) (source.Fetched, error) {
	if ref.SecretID != d.secretID {
		return d.behind.Fetch(ctx, ref, observed)
	}
	return source.Fetched{Version: observed, Value: source.TextValue("of " + observed.ID)}, nil
}

// only has its errors concern one secret alone.
type only struct {
	*behind
	secretID string
}

func (o *only) Resolve(ctx context.Context, query source.VersionQuery) (source.Resolution, error) {
	seen, err := o.behind.Resolve(ctx, query)
	if query.SecretID != o.secretID {
		return source.Resolution{Version: source.Version{ARN: "arn", ID: "v1", Region: "eu-west-1", Changed: o.changed}}, nil
	}
	return seen, err
}

// TestAWSIsAskedAgainUntilItHasCaughtUp: after two seconds, ten, thirty, one minute, two and five, and then every five.
func TestAWSIsAskedAgainUntilItHasCaughtUp(t *testing.T) {
	for name, interval := range map[string]time.Duration{"polled by events alone": 0, "polled once a year": 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			w, aws := lagging(t, func(secretSync *v1alpha1.SecretSync) {
				secretSync.Spec.PollInterval = &metav1.Duration{Duration: interval}
			})
			aws.behind = true
			w.memories.tell(here, w.clock.Now(), RotationFailure{})
			w.turn(t)
			began := w.clock.Now()
			for _, step := range append(pursuitSteps(), 10*time.Minute, 15*time.Minute) {
				aws.questions = nil
				w.next(t)
				passed := w.clock.Now().Sub(began)
				if passed < step || passed > step+step/4+4*pursuitSpread {
					t.Errorf("the look after %s comes after %s", step, passed)
				}
				if asked := aws.questions[0]; asked.Routine || asked.MaxAge > passed-step+time.Millisecond && step <= 5*time.Minute || asked.MaxAge > sharedNews {
					t.Errorf("after %s an answer of %s will do, routine: %v", passed, asked.MaxAge, asked.Routine)
				}
			}
			aws.behind, aws.says, aws.gives = false, at("v2"), at("v2")
			w.next(t)
			if w.value(t) != "of v2" {
				t.Error("once AWS has caught up, the value is not there")
			}
			w.settle(t)
			if due := w.memories.byName[here].nextLook.get().Sub(w.clock.Now()); due < time.Hour && interval == 0 {
				t.Errorf("once AWS has caught up, it is asked again after %s", due)
			}
			if pursued := w.memories.byName[here].pursuit; !pursued.next.IsZero() {
				t.Errorf("once AWS has caught up, it is pursued: %v", pursued)
			}
		})
	}
}

// A refusal that may be out of date is followed up like any other answer, and a refresh that met it is not done with.
func TestARefusalThatMayBeOutOfDateIsLookedAtAgain(t *testing.T) {
	for _, kind := range []source.Kind{source.SecretNotFound, source.VersionNotFound, source.SecretPendingDeletion} {
		t.Run(string(kind), func(t *testing.T) {
			w, aws := lagging(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.PollInterval = &metav1.Duration{} })
			aws.missing = &source.Error{Kind: kind, Explanation: "not there", Outdated: true}
			w.edit(t, func(secretSync *v1alpha1.SecretSync) {
				secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: "now"}
			})
			w.turn(t)
			if handled := w.now(t).Status.LastHandledRefresh; handled != "" {
				t.Errorf("the refresh %q counts as handled", handled)
			}
			if passed := w.next(t); passed > 3*time.Second {
				t.Errorf("AWS is asked again after %s", passed)
			}
			aws.missing, aws.says, aws.gives = nil, at("v2"), at("v2")
			w.next(t)
			w.settle(t)
			if handled := w.now(t).Status.LastHandledRefresh; handled != "now" || w.value(t) != "of v2" {
				t.Errorf("once AWS has caught up, the refresh %q is handled, and the value is %q", handled, w.value(t))
			}
		})
	}
}

// Wake-ups and events within an outage neither ask AWS all the time nor make the wait for it longer.
func TestManyEventsWithinAnOutageMakeTheNextTryNoLater(t *testing.T) {
	w, aws := lagging(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.PollInterval = &metav1.Duration{} })
	aws.missing = &source.Error{Kind: source.RegionUnavailable, Explanation: "away"}
	wake := func() {
		w.clock.SetTime(w.clock.Now().Add(time.Millisecond))
		w.turn(t)
	}
	tell := func() {
		w.memories.tell(here, w.clock.Now(), RotationFailure{})
		wake()
	}
	tell()
	for range 20 {
		wake() // Nothing has happened.
	}
	if aws.observes != 1 {
		t.Errorf("AWS is asked %d times", aws.observes)
	}
	for range 20 {
		tell()
	}
	if wait := w.memories.byName[here].nextLook.get().Sub(w.clock.Now()); wait > retryFirst || aws.observes != 21 {
		t.Errorf("after twenty events the next try is in %s, and AWS was asked %d times", wait, aws.observes)
	}
	aws.missing, aws.says, aws.gives = nil, at("v2"), at("v2")
	w.next(t)
	if w.value(t) != "of v2" {
		t.Error("what the events told of was not followed")
	}
}

func TestAnotherEventBeginsThePursuitAgain(t *testing.T) {
	w, aws := lagging(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.PollInterval = &metav1.Duration{} })
	aws.behind = true
	w.memories.tell(here, w.clock.Now(), RotationFailure{})
	w.turn(t)
	for range 4 {
		w.next(t)
	}
	w.memories.tell(here, w.clock.Now(), RotationFailure{})
	w.turn(t)
	if passed := w.next(t); passed > 3*time.Second {
		t.Errorf("after another event AWS is asked again after %s", passed)
	}
}

// The looks of those who follow one secret share an answer: it is asked for after the moment from which on each wants one.
func TestThoseWhoFollowOneSecretShareTheirLooks(t *testing.T) {
	for _, step := range pursuitSteps() {
		for range 100 {
			first, other := pursuit{since: noon, next: noon.Add(step)}, pursuit{since: noon, next: noon.Add(step)}
			if apart := first.at(noon).Sub(other.at(noon)).Abs(); apart > sharedNews || apart > step/4 {
				t.Errorf("at %s they look %s apart", step, apart)
			}
		}
	}
}

// TestStatusKnowsHowNewItIs: the date is noted with a version, handed on to the next process, and is no reason to
// write status.
func TestStatusKnowsHowNewItIs(t *testing.T) {
	w, aws := lagging(t, nil)
	known := w.now(t).Status.Sources[0]
	if known.LastChangedTime == nil || !known.LastChangedTime.Time.Equal(aws.changed) {
		t.Fatalf("status is of %v, want %s", known.LastChangedTime, aws.changed)
	}
	writes, first := w.writes, aws.changed
	aws.changed = first.Add(time.Hour)
	aws.questions = nil
	w.clock.SetTime(noon.Add(10 * time.Minute))
	w.turn(t)
	if w.writes != writes {
		t.Error("a date that has moved is a reason to write status")
	}
	asked := aws.questions[0].Synced
	if !asked.Changed.Equal(first) || asked.Region != "eu-west-1" || asked.ID != "v1" || !asked.Created.Equal(noon) {
		t.Errorf("AWS is asked by one who has %+v", asked)
	}
	w.edit(t, func(secretSync *v1alpha1.SecretSync) {
		secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: "now"}
	})
	w.turn(t)
	w.settle(t)
	if known := w.now(t).Status.Sources[0]; !known.LastChangedTime.Time.Equal(aws.changed) {
		t.Errorf("status that is written anyway is of %s, want %s", known.LastChangedTime, aws.changed)
	}
}

func TestWhatIsHeldIsDescribedAsBefore(t *testing.T) {
	p := written("v1", "v1")
	stages := []string{"AWSCURRENT", "blue"}
	p.before.Status.Sources[0].VersionStages, p.before.Status.Sources[0].Hint = stages, "a hint"
	p.inputs[0].behind = true
	p.describeSources(observedVersion)
	if diff := cmp.Diff(p.before.Status.Sources, p.sync.Status.Sources); diff != "" {
		t.Errorf("an answer from before takes back what is told (-want +got):\n%s", diff)
	}
	p.inputs[0].observation.Version.ID = "v2"
	p.describeSources(observedVersion)
	if got := p.sync.Status.Sources[0]; got.VersionID != "v2" || len(got.VersionStages) > 0 {
		t.Errorf("another version is told of as %v", got)
	}
}

func TestThePursuitEndsWithASuspension(t *testing.T) {
	w, aws := lagging(t, nil)
	aws.behind = true
	w.clock.SetTime(noon.Add(10 * time.Minute))
	w.turn(t)
	if w.memories.byName[here].pursuit.next.IsZero() {
		t.Fatal("an older answer is not pursued")
	}
	w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = true })
	w.turn(t)
	if pursued := w.memories.byName[here].pursuit; pursued != (pursuit{}) {
		t.Errorf("it is pursued: %v", pursued)
	}
}
