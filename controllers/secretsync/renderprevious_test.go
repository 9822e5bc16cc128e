package secretsync

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
)

// TestFormerValuesStayForAWhile: they come with a rotation, stay for its time and are taken out by themselves; a version
// that was not there before does not keep the present one from being published.
func TestFormerValuesStayForAWhile(t *testing.T) {
	secretSync := fresh()
	keepPrevious(secretSync)
	e, secrets := newEnvironment(t, secretSync), account{"db": at("v1")}
	aws := secrets.source()
	e.use(aws)
	poll := func(after time.Duration, want map[string]string, inSync bool) {
		t.Helper()
		e.clock.SetTime(noon.Add(after))
		if e.state() != nil {
			e.pollAt(e.clock.Now())
		}
		aws.forget()
		e.settle(t)
		if len(aws.queries) == 0 || inSync != (len(aws.fetches) == 0) {
			t.Errorf("after %s: %d queries, %d reads", after, len(aws.queries), len(aws.fetches))
		}
		if diff := cmp.Diff(want, textsOf(e.secret(t, "db").Data)); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", after, diff)
		}
		var former []string
		if _, kept := want["value_previous"]; kept {
			former = []string{"value_previous"}
		}
		if diff := cmp.Diff(former, e.now(t).Status.Secret.PreviousKeys); diff != "" {
			t.Errorf("after %s status has other keys of former values (-want +got):\n%s", after, diff)
		}
	}
	first := map[string]string{"value": "v1"}
	poll(0, first, false)
	poll(0, first, true)
	secrets["db"] = stages("v2", "v1")
	second := map[string]string{"value": "v2", "value_previous": "v1"}
	poll(0, second, false)
	poll(0, second, true)
	poll(59*time.Minute, second, true)
	if next := e.state().schedule.Next(); next.After(noon.Add(time.Hour)) {
		t.Errorf("the next poll is at %s", next)
	}
	secrets["db"] = stages("v3", "v2")
	third := map[string]string{"value": "v3", "value_previous": "v2"}
	poll(59*time.Minute+30*time.Second, third, false)
	poll(time.Hour+time.Minute, third, true)
	poll(2*time.Hour, map[string]string{"value": "v3"}, false)
	secrets["db"] = at("v4") // Whatever has become of v3.
	poll(2*time.Hour, map[string]string{"value": "v4"}, false)
}

// TestFormerValuesKeepNoPresentOnesBack: AWSPREVIOUS may well be the bad value that was refused, and that the
// present one fixes.
func TestFormerValuesKeepNoPresentOnesBack(t *testing.T) {
	least := int64(2)
	for name, test := range map[string]struct {
		guards       v1alpha1.Guards
		good, former string
		want         map[string]string
	}{
		"a guard for every key refuses the former value": {v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "*", MinBytes: &least}}},
			"v3", "b", map[string]string{"value": "v3"}},
		"so does the guard of its key": {v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "value", MinBytes: &least}}},
			"v3", "b", map[string]string{"value": "v3"}},
		"both are too long together": {v1alpha1.Guards{MaxBytes: &least},
			"v3", "v2", map[string]string{"value": "v3"}},
		"both are good": {v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "*", MinBytes: &least}}, RequiredKeys: []string{"value"}},
			"v3", "v2", map[string]string{"value": "v3", "value_previous": "v2"}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := keepingPrevious()
			spec.Guards = &test.guards
			newRendering(t, account{"db": stages(test.good, test.former)}.source(), spec, syncedAt("db", "AWSCURRENT", "v1")).wantKeys(t, test.want)
		})
	}
}

// What another secret had before a rotation of its own, long ago, does not come back with the rotation of this one.
func TestFormerValuesAreThoseOfBeforeThisRotation(t *testing.T) {
	spec := v1alpha1.SecretSyncSpec{KeepPrevious: anHour(),
		Data:     []v1alpha1.DataKey{{Key: "db", Source: other("db", "")}, {Key: "api", Source: other("api", "")}},
		Template: &v1alpha1.Template{Data: map[string]string{"both": "{{ .db }} {{ .api }}"}, MergePolicy: v1alpha1.TemplateMergeReplace},
	}
	soon := metav1.NewTime(noon.Add(time.Minute))
	for name, test := range map[string]struct {
		until  *metav1.Time
		synced []v1alpha1.SourceStatus
		onRead func(account)
		want   map[string]string
	}{
		"one rotates": {nil, []v1alpha1.SourceStatus{syncedAt("db", "AWSCURRENT", "db-1"), syncedAt("api", "AWSCURRENT", "api-9")},
			nil, map[string]string{"both": "db-2 api-9", "both_previous": "db-1 api-9"}},
		"the other has rotated before": {&soon, []v1alpha1.SourceStatus{
			syncedAt("db", "AWSCURRENT", "db-1"), syncedAt("api", "AWSCURRENT", "api-9"), syncedAt("api", "AWSPREVIOUS", "api-8")},
			nil, map[string]string{"both": "db-2 api-9", "both_previous": "db-1 api-8"}},
		"one rotates while it is read": {&soon, []v1alpha1.SourceStatus{
			syncedAt("db", "AWSCURRENT", "db-2"), syncedAt("api", "AWSCURRENT", "api-9"), syncedAt("api", "AWSPREVIOUS", "api-8")},
			func(secrets account) { secrets["db"] = stages("db-3", "db-2") }, map[string]string{"both": "db-3 api-9", "both_previous": "db-2 api-8"}},
	} {
		t.Run(name, func(t *testing.T) {
			secrets := account{"db": stages("db-2", "db-1"), "api": stages("api-9", "api-8")}
			aws := secrets.source()
			if test.onRead != nil {
				aws.onFetch = func() { test.onRead(secrets) }
			}
			r := newRendering(t, aws, spec, test.synced...)
			r.attempt.secretSync.Status.PreviousUntil = test.until
			set, _ := r.wantKeys(t, test.want)
			for n, input := range set.Former {
				if n > 0 && input.Ref.SecretID == "db" {
					t.Error("former versions do not stand in the order of the present ones")
				}
			}
		})
	}
}

// TestFormerValuesComeAsFarAsTheyCan: what one of them lacks, or what has not rotated, keeps no other one back.
func TestFormerValuesComeAsFarAsTheyCan(t *testing.T) {
	keys := func(entries ...v1alpha1.DataKey) v1alpha1.SecretSyncSpec {
		return v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "db"}, KeepPrevious: anHour(), Data: entries}
	}
	required := keys(v1alpha1.DataKey{Key: "user", Property: "user"}, v1alpha1.DataKey{Key: "pass", Property: "pass"})
	required.Guards = &v1alpha1.Guards{RequiredKeys: []string{"user", "pass"}}
	whole := keys()
	whole.KeepPrevious.Suffix = "-old"
	both := keys(v1alpha1.DataKey{Key: "db"}, v1alpha1.DataKey{Key: "api", Source: other("api", "")})
	from := v1alpha1.SecretSyncSpec{KeepPrevious: anHour(), DataFrom: []v1alpha1.DataFrom{{Source: other("db", "")}, {Source: other("api", "")}}}
	for name, test := range map[string]struct {
		spec    v1alpha1.SecretSyncSpec
		db, api map[string]string
		want    map[string]string
		former  []string
	}{
		"under names with another suffix": {whole, stages("v2", "v1"), nil, map[string]string{"value": "v2", "value-old": "v1"}, []string{"value-old"}},
		"without a property, or a key that is required": {required, stages(`{"user":"u2","pass":"p2"}`, `{"user":"u1"}`), nil,
			map[string]string{"user": "u2", "pass": "p2", "user_previous": "u1"}, []string{"user_previous"}},
		"none, where what has rotated has none": {both, stages("v2", ""), stages("v1", ""), map[string]string{"db": "v2", "api": "v1"}, nil},
		"one of two that have rotated": {both, stages("v2", "v1"), stages("v2", ""),
			map[string]string{"db": "v2", "api": "v2", "db_previous": "v1"}, []string{"db_previous"}},
		"all of one of two": {from, stages(`{"a":"2"}`, `{"a":"1"}`), stages(`{"b":"2"}`, ""),
			map[string]string{"a": "2", "b": "2", "a_previous": "1"}, []string{"a_previous"}},
		"but for what follows another label": {keys(v1alpha1.DataKey{Key: "now"}, v1alpha1.DataKey{Key: "blue", Source: other("", "blue")}),
			map[string]string{"AWSCURRENT": "v2", "AWSPREVIOUS": "v1", "blue": "b"}, nil,
			map[string]string{"now": "v2", "blue": "b", "now_previous": "v1"}, []string{"now_previous"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRendering(t, account{"db": test.db, "api": test.api}.source(), test.spec,
				syncedAt("db", "AWSCURRENT", "v1"), syncedAt("api", "AWSCURRENT", "v1"), syncedAt("db", "blue", "b"))
			spec := r.attempt.secretSync.Spec.DeepCopy()
			_, made := r.wantKeys(t, test.want)
			if diff := cmp.Diff(test.former, made.PreviousKeys); diff != "" {
				t.Errorf("names of former values (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(spec, &r.attempt.secretSync.Spec); diff != "" {
				t.Errorf("the spec is changed (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNamesOfFormerValuesAreSorted: status is not written for another order.
func TestNamesOfFormerValuesAreSorted(t *testing.T) {
	content, want := "{", []string(nil)
	for n := range 9 {
		content += fmt.Sprintf(`"k%d":"v",`, n)
		want = append(want, fmt.Sprintf("k%d_previous", n))
	}
	aws := account{"db": stages(content+`"new":"v"}`, content[:len(content)-1]+"}")}.source()
	_, made, err := newRendering(t, aws, keepingPrevious(), syncedAt("db", "AWSCURRENT", "v1")).run(t.Context())
	if err != nil || !cmp.Equal(want, made.PreviousKeys) {
		t.Errorf("%v: %q", err, made.PreviousKeys)
	}
}

// TestAFormerValueTakesNoOtherKeysName: the Secret stays as it is, and the spec is to be fixed.
func TestAFormerValueTakesNoOtherKeysName(t *testing.T) {
	aws := account{"db": stages(`{"a":"2","a_previous":"other"}`, `{"a":"1"}`)}.source()
	_, made, err := newRendering(t, aws, keepingPrevious(), syncedAt("db", "AWSCURRENT", "v1")).run(t.Context())
	if !failure.Explain(err).IsTerminal() {
		t.Errorf("the error is %v", err)
	}
	if made.Data != nil {
		t.Errorf("%d keys", len(made.Data))
	}
}
