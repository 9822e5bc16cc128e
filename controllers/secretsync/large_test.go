package secretsync

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

func TestLargeObjectsHaveOnePassANamespaceAndAShareOfTheWorkers(t *testing.T) {
	s := newSharing(t, 64)
	for namespace := range 10 {
		for number := range 3 {
			s.mark(in(fmt.Sprint(namespace), number), true)
			entered, want := s.hand(in(fmt.Sprint(namespace), number), 0), number == 0 && namespace < 8
			if entered != want {
				t.Errorf("the large object %d of namespace %d gets a worker: %v", number, namespace, entered)
			}
		}
		if !s.hand(in(fmt.Sprint(namespace), 3), 0) {
			t.Errorf("a small object of namespace %d waits for the large ones", namespace)
		}
	}
	// Each pass over a large object that ends makes room for one, which is that of a namespace that has none.
	s.finish(in("0", 0))
	if len(s.ready) != 1 || !s.ready[in("8", 0)] && !s.ready[in("9", 0)] && !s.ready[in("0", 1)] {
		t.Errorf("one pass has ended, and %v come back", s.ready)
	}
}

// volume is an AWS with many secrets of the same size.
type volume struct {
	source.Source
	size    int
	fetched atomic.Int64
	// withValues has questions answered with values, as where DescribeSecret is denied.
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

func (v *volume) Resolve(_ context.Context, query source.VersionQuery) (source.Resolution, error) {
	seen := source.Resolution{Version: v.version(query.SecretID)}
	if v.withValues {
		seen.Value = v.value()
	}
	return seen, nil
}

func (v *volume) Fetch(_ context.Context, ref source.Ref, _ source.Version) (source.Fetched, error) {
	return source.Fetched{Version: v.version(ref.SecretID), Value: *v.value()}, nil
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

// A pass that comes to have much in hand gives it up, and the SecretSync has its turn among the large ones.
func TestAPassThatHasMuchInHandGivesUp(t *testing.T) {
	for name, withValues := range map[string]bool{"fetched": false, "observed": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, reading(40))
			aws := &volume{size: 64 << 10, withValues: withValues}
			w.Source = aws
			result := w.turn(t)
			if most := int64(handMost + inputsAtOnce*aws.size); aws.fetched.Load() > most {
				t.Errorf("a pass beside others of its namespace has read %d bytes, more than %d", aws.fetched.Load(), most)
			}
			if !w.shares.isLarge(here) || result.RequeueAfter == 0 || w.now(t).Status.ObservedGeneration != 0 {
				t.Fatalf("it does not come back as a large one: %v, status %v", result, w.now(t).Status)
			}
			w.settle(t)
			if w.secret(t, "db") == nil || !w.shares.isLarge(here) {
				t.Errorf("the large one has no Secret: %v", w.now(t).Status.Conditions)
			}

			// It is no longer large.
			aws.size, aws.withValues = 1, false
			w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Template.Data["made"] = "another word" })
			w.settle(t)
			if w.shares.isLarge(here) {
				t.Error("it stays among the large ones")
			}
		})
	}
}

// A value that observing had to read counts once: half of what may be in hand is not large.
func TestWhatIsObservedIsInHandOnce(t *testing.T) {
	w := newWorld(t, reading(10))
	w.Source = &volume{size: 64 << 10, withValues: true}
	w.settle(t)
	if w.secret(t, "db") == nil || w.shares.isLarge(here) {
		t.Errorf("640 KiB are written: %t, and large: %t", w.secret(t, "db") != nil, w.shares.isLarge(here))
	}
}

func TestALargeWriteHasItsTurn(t *testing.T) {
	for name, data := range map[string]map[string]string{
		"many bytes": {"made": `{{ repeat 1000 "x" | repeat 300 }}`},
		"many keys":  keysOf(writeMostKeys + 1),
	} {
		t.Run(name, func(t *testing.T) {
			secretSync := fresh()
			secretSync.Spec.Template = &v1alpha1.Template{Data: data}
			w := newWorld(t, secretSync)
			w.turn(t)
			if w.secret(t, "db") != nil || !w.shares.isLarge(here) {
				t.Error("the first pass writes much beside others of its namespace")
			}
			w.settle(t)
			if w.secret(t, "db") == nil || !w.shares.isLarge(here) {
				t.Errorf("it is written: %t, and stays among the large ones: %t", w.secret(t, "db") != nil, w.shares.isLarge(here))
			}
			w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Template = nil })
			w.settle(t)
			if w.shares.isLarge(here) {
				t.Error("it stays among the large ones")
			}
		})
	}
}

// ages are how old the answers may be that a source is asked for.
type ages struct {
	source.Source
	all []time.Duration
}

func (a *ages) Resolve(ctx context.Context, query source.VersionQuery) (source.Resolution, error) {
	a.all = append(a.all, query.MaxAge)
	return a.Source.Resolve(ctx, query)
}

// What AWS has answered a pass that gave up serves the next one, unless there is something new to ask for.
func TestAPassThatGaveUpIsTakenUp(t *testing.T) {
	const wait = 3 * time.Second
	for name, test := range map[string]struct {
		meanwhile func(*world)
		want      time.Duration
	}{
		"nothing is new": {func(*world) {}, wait},
		"an edit": {func(w *world) {
			w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Labels = map[string]string{"a": "b"} })
		}, 0},
		"a refresh": {func(w *world) {
			w.edit(t, func(secretSync *v1alpha1.SecretSync) {
				secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: "now"}
				secretSync.Generation--
			})
		}, 0},
		"a change event": {func(w *world) { w.memories.news[here] = news{at: w.clock.Now()} }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			secretSync := fresh()
			secretSync.Spec.Template = &v1alpha1.Template{Data: keysOf(writeMostKeys + 1)}
			w := newWorld(t, secretSync)
			aws := &ages{Source: w.aws}
			w.Source = aws
			w.turn(t)
			w.after(wait)
			test.meanwhile(w)
			w.turn(t)
			if len(aws.all) < 2 || aws.all[0] != 0 || aws.all[1] != test.want {
				t.Errorf("answers may be %v old, want 0s and %s", aws.all, test.want)
			}
			w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Labels = map[string]string{"c": "d"} })
			asked := len(aws.all)
			w.settle(t)
			if len(aws.all) == asked || aws.all[asked] != 0 {
				t.Errorf("a pass that gave up once serves later ones: %v", aws.all)
			}
		})
	}
}

// What may just be read or written is not large.
func TestBoundsOfWhatIsLarge(t *testing.T) {
	bytes := func(count int) map[string][]byte { return map[string][]byte{"k": make([]byte, count-1)} }
	keys := map[string][]byte{}
	for key := range keysOf(writeMostKeys) {
		keys[key] = nil
	}
	if largeToWrite(keys) || largeToWrite(bytes(writeMostBytes)) || !largeToWrite(bytes(writeMostBytes+1)) {
		t.Errorf("%d keys are large: %t, %d bytes: %t", len(keys), largeToWrite(keys), writeMostBytes, largeToWrite(bytes(writeMostBytes)))
	}
	c := New(Options{})
	for read, large := range map[int64]bool{handMost: false, handMost + 1: true} {
		p := c.begin(fresh(), &memory{})
		if p.hand.Store(read); p.full() != large {
			t.Errorf("with %d bytes in hand a pass gives up: %t", read, p.full())
		}
		c.shares.mark(here, true)
		p = c.begin(fresh(), &memory{})
		p.applied = &target.Result{}
		p.hand.Store(read)
		if c.unmark(p); c.shares.isLarge(here) != large {
			t.Errorf("with %d bytes in hand it stays large: %t", read, c.shares.isLarge(here))
		}
		c.shares.mark(here, false)
	}
}

// A pass is taken up once: what comes later begins by itself.
func TestAPassIsTakenUpOnce(t *testing.T) {
	c := New(Options{})
	m := &memory{unfinished: unfinished{began: noon, generation: 1}}
	first, second := c.begin(fresh(), m), c.begin(fresh(), m)
	first.resume()
	second.resume()
	if !first.began.Equal(noon) || second.began.Equal(noon) {
		t.Errorf("the first begins at %s, the second one at %s", first.began, second.began)
	}
}

func TestALargeObjectIsParkedOnceAndKeepsItsPlace(t *testing.T) {
	s := newSharing(t, 4)
	for number := range 3 {
		s.mark(in("a", number), true)
	}
	for _, number := range []int{0, 1, 2, 1} {
		s.hand(in("a", number), 0)
	}
	s.nothingLost()
	if s.parked() != 2 {
		t.Errorf("%d objects are parked", s.parked())
	}
	if s.finish(in("a", 0)); len(s.ready) != 1 || !s.ready[in("a", 1)] {
		t.Errorf("%v come back, and the first that was parked is number 1", s.ready)
	}
	if s.putBack(s.drop(in("a", 2))); s.parked() != 0 {
		t.Error("a large object that is gone stays parked")
	}
}

func keysOf(count int) map[string]string {
	data := map[string]string{}
	for n := range count {
		data[fmt.Sprint("key-", n)] = "x"
	}
	return data
}
