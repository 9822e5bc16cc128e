package secretsync

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/source"
)

// inputsAtOnce is how many inputs of a SecretSync are read at the same time (package resolve).
const inputsAtOnce = 4

// volume is an AWS with many secrets of the same size.
type volume struct {
	size    int
	fetched atomic.Int64
	// withValues has versions named together with values, as where DescribeSecret is denied.
	withValues bool
}

func (v *volume) version(id string) source.Version {
	return source.Version{ARN: "arn-" + id, ID: "version", Created: noon}
}

func (v *volume) value() *source.Value {
	v.fetched.Add(int64(v.size))
	value := source.TextValue(strings.Repeat("x", v.size))
	return &value
}

// source reads from it.
func (v *volume) source() source.Source {
	return &fakeSource{
		resolve: func(query source.VersionQuery) (source.Resolution, error) {
			resolution := source.Resolution{Version: v.version(query.SecretID)}
			if v.withValues {
				resolution.Value = v.value()
			}
			return resolution, nil
		},
		fetch: func(ref source.Ref, _ source.Version) (source.Fetched, error) {
			return source.Fetched{Version: v.version(ref.SecretID), Value: *v.value()}, nil
		},
	}
}

// reading is a SecretSync that reads so many secrets, of which its Secret has but a word.
func reading(secrets int) *v1alpha1.SecretSync {
	secretSync := fresh()
	for n := range secrets {
		secretSync.Spec.Data = append(secretSync.Spec.Data, v1alpha1.DataKey{Key: fmt.Sprint("key-", n), Source: &v1alpha1.EntrySource{SecretID: fmt.Sprint("/large/", n)}})
	}
	secretSync.Spec.Template = &v1alpha1.Template{MergePolicy: v1alpha1.TemplateMergeReplace, Data: map[string]string{"made": "a word"}}
	return secretSync
}

// A reconcile that comes to hold much gives up, and the SecretSync has its turn among the large ones.
func TestAPassThatHasMuchInHandGivesUp(t *testing.T) {
	for name, withValues := range map[string]bool{"fetched": false, "resolved": true} {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t, reading(40))
			aws := &volume{size: 64 << 10, withValues: withValues}
			e.use(aws.source())
			result := e.turn(t)
			if most := int64(maxHeld + inputsAtOnce*aws.size); aws.fetched.Load() > most {
				t.Errorf("a reconcile beside others of its namespace has read %d bytes, more than %d", aws.fetched.Load(), most)
			}
			if !e.shares.IsLarge(here) || result.RequeueAfter == 0 || e.now(t).Status.ObservedGeneration != 0 {
				t.Fatalf("it does not come back as a large one: %v, status %v", result, e.now(t).Status)
			}
			e.settle(t)
			if e.secret(t, "db") == nil || !e.shares.IsLarge(here) {
				t.Errorf("the large one has a Secret: %t, conditions %v", e.secret(t, "db") != nil, e.now(t).Status.Conditions)
			}

			// It is no longer large.
			aws.size, aws.withValues = 1, false
			e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Template.Data["made"] = "another word" })
			e.settle(t)
			if e.shares.IsLarge(here) {
				t.Error("it stays among the large ones")
			}
		})
	}
}

// A value that resolving the version had to read counts once: half of what may be held is not large.
func TestWhatIsObservedIsInHandOnce(t *testing.T) {
	e := newEnvironment(t, reading(10))
	e.use((&volume{size: 64 << 10, withValues: true}).source())
	e.settle(t)
	if e.secret(t, "db") == nil || e.shares.IsLarge(here) {
		t.Errorf("640 KiB are written: %t, and large: %t", e.secret(t, "db") != nil, e.shares.IsLarge(here))
	}
}

func keysOf(count int) map[string]string {
	data := map[string]string{}
	for n := range count {
		data[fmt.Sprint("key-", n)] = "x"
	}
	return data
}

func TestALargeWriteHasItsTurn(t *testing.T) {
	for name, data := range map[string]map[string]string{
		"many bytes": {"made": `{{ repeat 1000 "x" | repeat 300 }}`},
		"many keys":  keysOf(lightKeys + 1),
	} {
		t.Run(name, func(t *testing.T) {
			secretSync := fresh()
			secretSync.Spec.Template = &v1alpha1.Template{Data: data}
			e := newEnvironment(t, secretSync)
			e.turn(t)
			if e.secret(t, "db") != nil || !e.shares.IsLarge(here) {
				t.Errorf("the first reconcile writes much beside others of its namespace: written %t, large %t", e.secret(t, "db") != nil, e.shares.IsLarge(here))
			}
			e.settle(t)
			if e.secret(t, "db") == nil || !e.shares.IsLarge(here) {
				t.Errorf("it is written: %t, and stays among the large ones: %t", e.secret(t, "db") != nil, e.shares.IsLarge(here))
			}
			e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Template = nil })
			e.settle(t)
			if e.shares.IsLarge(here) {
				t.Error("it stays among the large ones")
			}
		})
	}
}

// What AWS has answered a reconcile that gave up serves the next one, unless there is a change to ask about.
func TestAPassThatGaveUpIsTakenUp(t *testing.T) {
	const wait = 3 * time.Second
	for name, test := range map[string]struct {
		meanwhile func(*environment)
		want      time.Duration
	}{
		"nothing is new": {func(*environment) {}, wait},
		"an edit": {func(e *environment) {
			e.edit(t, func(secretSync *v1alpha1.SecretSync) {
				secretSync.Spec.Target.Labels = map[string]v1alpha1.LabelValue{"a": "b"}
			})
		}, 0},
		"a refresh": {func(e *environment) {
			e.edit(t, func(secretSync *v1alpha1.SecretSync) {
				secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: "now"}
				secretSync.Generation--
			})
		}, 0},
		"a change event": {func(e *environment) { e.changes.record(here, e.clock.Now(), RotationFailure{}) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			secretSync := fresh()
			secretSync.Spec.Template = &v1alpha1.Template{Data: keysOf(lightKeys + 1)}
			e := newEnvironment(t, secretSync)
			var ages []time.Duration // how old the answers may be that the source is asked for
			e.use(interrupted(func(_ context.Context, query source.VersionQuery) error {
				ages = append(ages, query.MaxAge)
				return nil
			}, e.aws))
			e.turn(t)
			e.after(wait)
			test.meanwhile(e)
			e.turn(t)
			if len(ages) < 2 || ages[0] != 0 || ages[1] != test.want {
				t.Errorf("answers may be %v old, want 0s and %s", ages, test.want)
			}
			e.edit(t, func(secretSync *v1alpha1.SecretSync) {
				secretSync.Spec.Target.Labels = map[string]v1alpha1.LabelValue{"c": "d"}
			})
			asked := len(ages)
			e.settle(t)
			if len(ages) == asked || ages[asked] != 0 {
				t.Errorf("a reconcile that gave up once serves later ones: %v", ages)
			}
		})
	}
}

// What may just be read or written is not large.
func TestBoundsOfWhatIsLarge(t *testing.T) {
	bytes := func(count int) map[string][]byte { return map[string][]byte{"k": make([]byte, count-1)} }
	keys := map[string][]byte{}
	for key := range keysOf(lightKeys) {
		keys[key] = nil
	}
	if heavyToWrite(keys) {
		t.Errorf("%d keys are heavy", len(keys))
	}
	if heavyToWrite(bytes(lightBytes)) {
		t.Errorf("%d bytes are heavy", lightBytes)
	}
	if !heavyToWrite(bytes(lightBytes + 1)) {
		t.Errorf("%d bytes are not heavy", lightBytes+1)
	}
	for read, large := range map[int]bool{maxHeld: false, maxHeld + 1: true} {
		// Its one secret has that many bytes: they are read once, and nothing after them where they are too many.
		secretSync := fresh()
		secretSync.Spec.Data = []v1alpha1.DataKey{{Key: "a", Source: &v1alpha1.EntrySource{SecretID: "a"}}}
		e := newEnvironment(t, secretSync)
		e.use((&volume{size: read}).source())
		a := e.attempt(secretSync, schedule.Poll)
		set, err := e.resolver.Versions(t.Context(), e.request(a))
		if err != nil {
			t.Fatal(err)
		}
		if err := e.resolver.Values(t.Context(), set); err != nil {
			t.Fatal(err)
		}
		if err := e.resolver.Values(t.Context(), set); (err != nil) != large {
			t.Errorf("with %d bytes held a reconcile gives up: %v", read, err)
		}
		e.shares.Mark(here, true)
		a.inTurn = true
		if got := a.maxBytes(); got != 0 {
			t.Errorf("one that has its turn may hold %d bytes", got)
		}
		if e.unmark(a, set, nil); e.shares.IsLarge(here) != large {
			t.Errorf("with %d bytes held it stays large: %t", read, e.shares.IsLarge(here))
		}
	}
}

// A reconcile is taken up once: what comes later begins by itself.
func TestAPassIsTakenUpOnce(t *testing.T) {
	e := newEnvironment(t, fresh())
	gaveUp := e.attempt(fresh(), schedule.Poll)
	gaveUp.state.unfinished.gaveUp(gaveUp)
	e.after(time.Minute)
	a := e.attempt(fresh(), schedule.Poll)
	if first := a.state.unfinished.resume(a); !first.Equal(noon) {
		t.Errorf("the first begins at %s", first)
	}
	if second := a.state.unfinished.resume(a); !second.Equal(a.began) {
		t.Errorf("the second begins at %s", second)
	}
}
