package secretsync

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// content is what a Secret holds, by key.
type content map[string]string

func (all content) data() map[string][]byte {
	data := map[string][]byte{}
	for key, value := range all {
		data[key] = []byte(value)
	}
	return data
}

// kept is the content with former values of all keys beside it, and their names.
func (all content) kept(version, suffix string) (both content, names []string) {
	if version == "" {
		return all, nil
	}
	both = maps.Clone(all)
	for key := range all {
		if name := key + suffix; all[name] == "" {
			both[name] = key + " of " + version
			names = append(names, name)
		}
	}
	return both, names
}

// window is what keepPrevious does in a pass: of which version the Secret had former values, and has, and under
// which suffix.
type window struct{ before, beforeSuffix, now, nowSuffix string }

// occasion is why a pass writes the Secret.
type occasion struct {
	rotated, edited, fresh, renamed bool
	// found says that there was a Secret that is not the one in status.
	found bool
	// restarts says whether a change of the content calls for a restart.
	restarts bool
}

// combination is one pass.
type combination struct {
	window
	occasion
	before, now content
}

func sourcesOf(version, former string) []v1alpha1.SourceStatus {
	sources := []v1alpha1.SourceStatus{{SecretID: "db", ARN: "arn", VersionStage: v1alpha1.DefaultVersionStage, VersionID: version}}
	if former != "" {
		sources = append(sources, v1alpha1.SourceStatus{SecretID: "db", ARN: "arn", VersionStage: stagePrevious, VersionID: former})
	}
	return sources
}

// pass is that pass, after the Secret was written.
func (of combination) pass(c *Controller) *pass {
	until := func(former string) *metav1.Time {
		if former == "" {
			return nil
		}
		return &metav1.Time{Time: noon.Add(time.Hour)}
	}
	secretSync := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "db", UID: "uid", Generation: 7}}
	secretSync.Spec.Rollout = &v1alpha1.Rollout{IgnoreKeys: []string{"note"}}
	if of.nowSuffix != "" {
		secretSync.Spec.KeepPrevious = &v1alpha1.KeepPrevious{Suffix: strings.TrimSuffix(of.nowSuffix, "_previous")}
	}
	formerly, formerKeys := of.before.kept(of.window.before, of.beforeSuffix)
	if !of.fresh {
		secretSync.Status = v1alpha1.SecretSyncStatus{Sources: sourcesOf("v1", of.window.before), PreviousUntil: until(of.window.before),
			Secret:  &v1alpha1.SecretStatus{Name: "db", UID: "secret", Generation: 7, PreviousKeys: formerKeys},
			Rollout: &v1alpha1.RolloutStatus{Revision: "v1", HandledRevision: "v1"}}
		if of.edited {
			secretSync.Status.Secret.Generation = 6
		}
		if of.renamed {
			secretSync.Status.Secret.Name = "former"
		}
		secretSync.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionWorkloadsRestarted, metav1.ConditionTrue, v1alpha1.ReasonRolledOut, "Secret "+secretSync.Status.Secret.Name+" has not changed in a way that calls for a restart")}
	}
	p := &pass{sync: secretSync, before: secretSync.DeepCopy(), memory: &memory{}, applied: &target.Result{Outcome: target.Updated, UID: "secret"}}
	present, presentKeys := of.now.kept(of.window.now, of.nowSuffix)
	p.data, p.previousKeys = present.data(), presentKeys
	if of.window.now != "" {
		p.former = []*input{{}}
	}
	switch {
	case of.found:
		p.applied.Former = &target.FormerContent{Values: formerly.data()}
		p.changes = c.takenOver(p, p.applied.Former)
	case !of.fresh && !of.renamed:
		p.changes = difference(c.printsOf(formerly.data()), c.printsOf(p.data))
	}
	version := "v1"
	if of.rotated {
		version = "v2"
	}
	secretSync.Status.Sources, secretSync.Status.PreviousUntil = sourcesOf(version, of.window.now), until(of.window.now)
	secretSync.Status.Secret = &v1alpha1.SecretStatus{Name: "db", UID: "secret", Generation: 7, PreviousKeys: presentKeys}
	return p
}

// TestKeepPreviousNeitherCausesNorHidesARestart: in each combination of what keepPrevious does, of how the content
// changes, and of why the Secret is written, the present values alone decide.
func TestKeepPreviousNeitherCausesNorHidesARestart(t *testing.T) {
	before := content{"password": "a", "port": "b", "note": "c", "url_previous": "d", "url-old": "e"}
	with := func(change func(content)) content {
		after := maps.Clone(before)
		change(after)
		return after
	}
	contents := map[string]struct {
		now      content
		restarts bool
	}{
		"nothing":                          {before, false},
		"a key that is ignored":            {with(func(c content) { c["note"] = "z" }), false},
		"a key that is ignored is removed": {with(func(c content) { delete(c, "note") }), false},
		"a value":                          {with(func(c content) { c["password"] = "z" }), true},
		"a key is added":                   {with(func(c content) { c["host"] = "z" }), true},
		"a key is removed":                 {with(func(c content) { delete(c, "port") }), true},
		"a key is renamed":                 {with(func(c content) { delete(c, "port"); c["socket"] = "b" }), true},
		"a key with the default suffix that holds no former value is removed": {with(func(c content) { delete(c, "url_previous") }), true},
		"a key with the spec's suffix that holds no former value is removed":  {with(func(c content) { delete(c, "url-old") }), true},
	}
	windows := map[string]window{
		"is off":                   {},
		"has nothing to keep":      {nowSuffix: "_previous"},
		"begins":                   {now: "v1", nowSuffix: "_previous"},
		"begins with its suffix":   {now: "v1", nowSuffix: "-old"},
		"goes on":                  {before: "v0", beforeSuffix: "_previous", now: "v0", nowSuffix: "_previous"},
		"begins again":             {before: "v0", beforeSuffix: "_previous", now: "v1", nowSuffix: "_previous"},
		"ends":                     {before: "v0", beforeSuffix: "_previous", nowSuffix: "_previous"},
		"ends with its suffix":     {before: "v0", beforeSuffix: "-old", nowSuffix: "-old"},
		"is taken out of the spec": {before: "v0", beforeSuffix: "_previous"},
		"gets another suffix":      {before: "v0", beforeSuffix: "_previous", now: "v0", nowSuffix: "-old"},
	}
	occasions := map[string]occasion{
		"a rotation":                            {rotated: true, restarts: true},
		"an edit of the spec":                   {edited: true, restarts: true},
		"both":                                  {rotated: true, edited: true, restarts: true},
		"a repair":                              {},
		"the first sync":                        {fresh: true},
		"a new name":                            {edited: true, renamed: true},
		"a Secret that was there":               {fresh: true, found: true, restarts: true},
		"a Secret of the new name that was":     {edited: true, renamed: true, found: true, restarts: true},
		"a Secret that was restored":            {found: true, restarts: true},
		"one that was restored, and a rotation": {found: true, rotated: true, restarts: true},
	}
	for change, changed := range contents {
		for keeps, window := range windows {
			for why, occasion := range occasions {
				name := fmt.Sprintf("%s, keepPrevious %s, what changes: %s", why, keeps, change)
				c := restarting()
				p := combination{window, occasion, before, changed.now}.pass(c)
				c.describeRollout(p)
				want := changed.restarts && occasion.restarts
				if unknown := occasion.found && (occasion.fresh || occasion.renamed) && window.before != ""; unknown && !want {
					continue // No status says which keys held former values: a restart too many does no harm.
				}
				checkRestart(t, name, p, want)
				if found := p.sync.Status.Rollout; want && occasion.found && (found.HandledRevision != "" || !strings.Contains(found.Revision, "#7.")) {
					t.Errorf("%s: status.rollout is %+v: what workloads were marked with, and run with, is not known", name, found)
				}
			}
		}
	}
}

// checkRestart looks whether a restart is pending, and whether the condition says so of the Secret that is there.
func checkRestart(t *testing.T, name string, p *pass, want bool) {
	t.Helper()
	status := p.sync.Status.Rollout
	if pending := status.Revision != status.HandledRevision; pending != want {
		t.Errorf("%s: restarts %t, want %t (%s, changes %s)", name, pending, want, status.Revision, p.changes)
	}
	if !want && !slices.Contains([]string{"v1", "v2"}, status.Revision) {
		t.Errorf("%s: the revision is %q, want that of the present version alone", name, status.Revision)
	}
	is := meta.FindStatusCondition(p.sync.Status.Conditions, v1alpha1.ConditionWorkloadsRestarted)
	if denies := strings.Contains(is.Message, "has not changed"); denies == want || (is.Status == metav1.ConditionTrue) == want || !strings.HasPrefix(is.Message, "Secret db ") {
		t.Errorf("%s: the condition is %s: %s", name, is.Reason, is.Message)
	}
}

// TestWhatWasTakenOverIsNotForgotten: a pass that could not report is followed by one that finds nothing to change.
func TestWhatWasTakenOverIsNotForgotten(t *testing.T) {
	before, now := content{"password": "a"}, content{"password": "z"}
	for name, test := range map[string]struct {
		created time.Time // of the SecretSync
		again   bool      // in the process that wrote the Secret
		want    bool
	}{
		"by the process that wrote it":               {created: noon.Add(time.Hour), again: true, want: true},
		"by the next process":                        {created: noon, want: true},
		"written by a former SecretSync of the name": {created: noon.Add(time.Second), want: false},
	} {
		c := restarting()
		p := combination{occasion: occasion{fresh: true, found: true}, before: before, now: now}.pass(c)
		if !test.again {
			p.memory.takenOver = nil
		}
		p.sync.CreationTimestamp = metav1.NewTime(test.created)
		p.changes = c.takenOver(p, &target.FormerContent{Values: now.data(), Written: noon})
		c.describeRollout(p)
		if status := p.sync.Status.Rollout; (status.Revision != status.HandledRevision) != test.want {
			t.Errorf("%s: status.rollout is %+v", name, status)
		}
	}
}

// TestFormerValuesOfAnotherSecret: what status knows of the Secret of the former name says nothing of the one that is
// taken over under the new one.
func TestFormerValuesOfAnotherSecret(t *testing.T) {
	c := restarting()
	p := combination{occasion: occasion{edited: true, renamed: true, found: true}, before: content{"a": "1", "a_previous": "2"}, now: content{"a": "1"}}.pass(c)
	p.before.Status.Secret.PreviousKeys = []string{"a_previous"}
	c.describeRollout(p)
	checkRestart(t, "a key of the same name", p, true)
}

// TestTheRevisionIsThatOfThePresentValues: also where restarts are switched on while former values are kept.
func TestTheRevisionIsThatOfThePresentValues(t *testing.T) {
	c := restarting()
	p := combination{window: window{before: "v0", beforeSuffix: "_previous", now: "v0", nowSuffix: "_previous"}, before: content{"a": "1"}, now: content{"a": "1"}}.pass(c)
	p.applied, p.sync.Status.Rollout, p.before.Status.Rollout = nil, nil, nil
	c.describeRollout(p)
	if got := p.sync.Status.Rollout; got.Revision != "v1" || got.HandledRevision != "v1" {
		t.Errorf("status.rollout is %+v", got)
	}
}
