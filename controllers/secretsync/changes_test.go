package secretsync

import (
	"fmt"
	"strings"
	"testing"

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

func TestManyKeysAreListedShortly(t *testing.T) {
	var keys []string
	for i := range 500 {
		keys = append(keys, fmt.Sprintf("key-%03d", i))
	}
	if got := listed(keys); !strings.HasSuffix(got, "key-019 and 480 more") {
		t.Errorf("listed as %q", got)
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
			p.applied = &target.Result{Outcome: test.outcome, Intruders: test.intruders}
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
