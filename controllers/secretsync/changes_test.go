package secretsync

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

func TestChangesAreNamedByKeyAndNeverByValue(t *testing.T) {
	c := New(Options{})
	before := c.printsOf(map[string][]byte{"same": []byte("a"), "other": []byte("hunter2"), "gone": []byte("c")})
	after := c.printsOf(map[string][]byte{"same": []byte("a"), "other": []byte("hunter3"), "new": []byte("d")})
	if got := difference(before, after).String(); got != "changed other; added new; removed gone" {
		t.Errorf("changes are %q", got)
	}
	if got := difference(before, before).String(); got != "no key changed" {
		t.Errorf("no changes are %q", got)
	}
	if elsewhere := New(Options{}).printsOf(map[string][]byte{"same": []byte("a")}); elsewhere["same"] == before["same"] {
		t.Error("two processes make the same print of a value: it could be guessed")
	}
}

// TestChangesAreListedInOrder: the same event twice has the same text.
func TestChangesAreListedInOrder(t *testing.T) {
	all := func(begin string, value uint64) prints {
		made := prints{}
		for n := range 9 {
			made[fmt.Sprintf("%s%d", begin, n)] = value
		}
		return made
	}
	both := func(a, b prints) prints {
		all := maps.Clone(a)
		maps.Copy(all, b)
		return all
	}
	got := difference(both(all("c", 1), all("r", 1)), both(all("c", 2), all("a", 1))).String()
	const want = "changed c0, c1, c2, c3, c4, c5, c6, c7, c8; added a0, a1, a2, a3, a4, a5, a6, a7, a8; removed r0, r1, r2, r3, r4, r5, r6, r7, r8"
	if got != want {
		t.Errorf("changes are %q", got)
	}
}

// TestWhatAnUpdateChanges: by what this process remembers of the last write; else by the Secret itself, of which the keys
// that others have put in are not ours to take out.
func TestWhatAnUpdateChanges(t *testing.T) {
	secret := func(p *pass, w *world) {
		p.memory.prints = w.printsOf(map[string][]byte{"value": []byte("remembered")})
	}
	for name, test := range map[string]struct {
		change func(p *pass, w *world)
		want   string
		reread bool
	}{
		"a process that has just started": {func(*pass, *world) {}, "changed value; added more; removed gone", true},
		"one that remembers":              {secret, "changed value; added more", false},
		"the first write":                 {func(p *pass, _ *world) { p.sync.Status.Secret = nil }, "no key changed", false},
		"the first of another name":       {func(p *pass, _ *world) { p.sync.Status.Secret.Name = "former" }, "no key changed", false},
	} {
		inPlace := left("of version-0")
		inPlace.Data["gone"], inPlace.Data["of another"], inPlace.Data["same"] = []byte("x"), []byte("y"), []byte("z")
		w := newWorld(t, fresh(), inPlace)
		p := w.begin(fresh(), &memory{})
		p.data = map[string][]byte{"value": []byte("of version-1"), "more": []byte("x")}
		p.sync.Status.Secret = &v1alpha1.SecretStatus{Name: "db", Keys: []string{"gone", "value"}}
		test.change(p, w)
		got, err := w.compare(t.Context(), p)
		if err != nil || got.String() != test.want || got.reread != test.reread {
			t.Errorf("%s: %q, read again %t, error %v", name, got, got.reread, err)
		}
	}
}

// TestASecretThatCannotBeReadIsNotWrittenOver: it would not be known what changes, and whether that calls for a restart.
func TestASecretThatCannotBeReadIsNotWrittenOver(t *testing.T) {
	w := newWorld(t, fresh())
	w.settle(t)
	w.memories.byName[here].prints = nil
	w.secrets.Live = interceptor.NewClient(w.server, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			if _, whole := object.(*corev1.Secret); whole {
				return forbidden("db")
			}
			return c.Get(ctx, key, object, options...)
		},
	})
	w.aws.version = "version-2"
	w.look(t)
	if got := troubleOf(w.now(t)); got == "" || w.value(t) != "of version-1" {
		t.Errorf("status tells of %q", got)
	}
}

// TestWhatIsKnownOfASecretThatWasTakenOver: values are not kept, and what a pass could not report stays known until
// another change comes.
func TestWhatIsKnownOfASecretThatWasTakenOver(t *testing.T) {
	c := New(Options{})
	p := written("v1", "v1") // Status knows a Secret: one that was written since is another one's.
	p.sync.CreationTimestamp = metav1.NewTime(noon)
	take := func(was, is string) changes {
		former := &target.FormerContent{Values: map[string][]byte{"a": []byte(was)}, Written: noon.Add(time.Hour)}
		p.data = map[string][]byte{"a": []byte(is)}
		got := c.takenOver(p, former)
		if former.Values != nil {
			t.Error("values are kept")
		}
		return got
	}
	for _, step := range []struct{ was, is, want string }{{"0", "1", "changed a"}, {"1", "1", "changed a"}, {"1", "1", "changed a"}} {
		if got := take(step.was, step.is); got.String() != step.want || got.unreported {
			t.Errorf("%q, unreported %t", got, got.unreported)
		}
	}
	p.memory.takenOver = &changes{added: []string{"b"}}
	if got := take("1", "2").String(); got != "changed a" {
		t.Errorf("a change is not known: %q", got)
	}
}

func TestManyKeysAreListedShortly(t *testing.T) {
	var keys []string
	for i := range 500 {
		keys = append(keys, fmt.Sprintf("key-%03d", i))
	}
	for many, end := range map[int]string{500: "key-019 and 480 more", 21: "key-019 and 1 more", 20: "key-018, key-019", 1: "key-000"} {
		if got := listed(keys[:many]); !strings.HasSuffix(got, end) {
			t.Errorf("%d are listed as %q", many, got)
		}
	}
}

func TestWriteNews(t *testing.T) {
	const v1, v2 = "version-1", "version-2"
	for name, test := range map[string]struct {
		outcome   target.Outcome
		former    string // The version in status before; empty before the first sync.
		trigger   trigger
		intruders []string
		reason    string
		mentions  []string
	}{
		"nothing written":          {target.Unchanged, v1, triggerPoll, nil, "", nil},
		"a first sync":             {target.Created, "", triggerSpec, nil, eventCreated, []string{"Secret db", v2, "keys a, b"}},
		"a Secret that was there":  {target.Updated, "", triggerSpec, nil, eventUpdated, []string{"Wrote version " + v2, "Secret db, which was there before", "keys a, b"}},
		"a Secret that was gone":   {target.Created, v2, triggerDrift, nil, eventRepaired, []string{"was deleted", v2}},
		"a rotation":               {target.Updated, v1, triggerPoll, nil, eventUpdated, []string{v1, v2, "changed a"}},
		"an edit":                  {target.Updated, v2, triggerDrift, []string{"kubectl-edit"}, eventRepaired, []string{"edited by field manager kubectl-edit", v2}},
		"an edit by nobody's name": {target.Updated, v2, triggerDrift, nil, eventRepaired, []string{"was edited; restored"}},
		"an edited spec":           {target.Updated, v2, triggerSpec, nil, eventUpdated, []string{"edited spec", v2}},
		"keys that came or went":   {target.Updated, v2, triggerPoll, nil, eventUpdated, []string{"Secret db, at version " + v2 + ": changed a"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := written(test.former, v2)
			p.applied = &target.Result{Outcome: test.outcome, OverriddenManagers: test.intruders}
			p.trigger, p.changes = test.trigger, changes{changed: []string{"a"}}
			if p.trigger == triggerSpec {
				p.sync.Generation++
			}
			reason, note := writeNews(p)
			if reason != test.reason {
				t.Errorf("the event is %q", reason)
			}
			for _, mention := range test.mentions {
				if !strings.Contains(note, mention) {
					t.Errorf("%q does not mention %q", note, mention)
				}
			}
		})
	}
}
