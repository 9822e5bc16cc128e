package secretsync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// shelf is a source with several secrets in it: by their names, which version each staging label is on.
type shelf struct {
	mutex   sync.Mutex
	labels  map[string]map[string]string
	refused map[string]error
	// onFetch is called before a value is read; nil does nothing.
	onFetch func(s *shelf)
	fetched int
	found   []string
}

func (s *shelf) at(ref source.Ref) (source.Version, error) {
	name := strings.TrimPrefix(ref.SecretID, "arn:")
	if err := s.refused[name]; err != nil {
		return source.Version{}, err
	}
	stages, there := s.labels[name]
	if !there {
		return source.Version{}, &source.Error{Kind: source.SecretNotFound}
	}
	id := ref.VersionID
	if id == "" {
		id = stages[ref.VersionStage]
	}
	if id == "" {
		return source.Version{}, &source.Error{Kind: source.VersionNotFound}
	}
	return source.Version{ARN: "arn:" + name, ID: id}, nil
}

func (s *shelf) Resolve(_ context.Context, query source.VersionQuery) (source.Resolution, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	version, err := s.at(query.Ref)
	return source.Resolution{Version: version}, err
}

func (s *shelf) Fetch(_ context.Context, ref source.Ref, _ source.Version) (source.Fetched, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.onFetch != nil {
		s.onFetch(s)
	}
	s.fetched++
	version, err := s.at(ref)
	return source.Fetched{Version: version, Value: source.TextValue(version.ID)}, err
}

func (s *shelf) Find(context.Context, source.FindQuery) ([]source.Found, error) {
	var found []source.Found
	for _, name := range s.found {
		found = append(found, source.Found{ARN: "arn:" + name, Name: name})
	}
	return found, nil
}

// current and previous make the labels of a secret.
func stages(current, previous string) map[string]string {
	return map[string]string{"AWSCURRENT": current, "AWSPREVIOUS": previous}
}

func other(secretID, stage string) *v1alpha1.EntrySource {
	return &v1alpha1.EntrySource{SecretID: secretID, VersionStage: stage}
}

// passOver is a pass over a SecretSync with that spec, for the source.
func passOver(c *Controller, spec v1alpha1.SecretSyncSpec) *pass {
	made := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "db", Generation: 1}, Spec: spec}
	p := c.begin(made, &memory{})
	p.trigger = triggerSpec
	return p
}

func read(c *Controller, p *pass) error {
	for _, phase := range []phase{c.observe, c.fetch, c.render} {
		if err := phase(context.Background(), p); err != nil || p.done {
			return err
		}
	}
	return nil
}

func rendered(p *pass) map[string]string {
	text := map[string]string{}
	for key, value := range p.data {
		text[key] = string(value)
	}
	return text
}

func TestWhatASpecReads(t *testing.T) {
	db := v1alpha1.SecretSource{SecretID: "db", Region: "eu-west-1"}
	for name, test := range map[string]struct {
		spec v1alpha1.SecretSyncSpec
		want []string // secret, stage or version, region; "?" marks the optional ones.
	}{
		"the whole secret": {v1alpha1.SecretSyncSpec{Source: db}, []string{"db AWSCURRENT eu-west-1"}},
		"its versions side by side, spec.source first": {v1alpha1.SecretSyncSpec{Source: db, Data: []v1alpha1.DataKey{
			{Key: "old", Source: other("", "AWSPREVIOUS"), Optional: true}, {Key: "new"},
		}}, []string{"db AWSCURRENT eu-west-1", "db AWSPREVIOUS eu-west-1 ?"}},
		"a secret of its own takes nothing from spec.source": {v1alpha1.SecretSyncSpec{Source: db, Data: []v1alpha1.DataKey{
			{Key: "key", Source: other("stripe", "")},
		}}, []string{"stripe AWSCURRENT "}},
		"one that two entries read is read once, and optional only if both can do without": {v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{
			{Key: "a", Source: other("x", ""), Optional: true}, {Key: "b", Source: other("x", "AWSCURRENT")}, {Key: "c", Source: other("y", ""), Optional: true},
		}}, []string{"x AWSCURRENT ", "y AWSCURRENT  ?"}},
		"dataFrom after data": {v1alpha1.SecretSyncSpec{Source: db, Data: []v1alpha1.DataKey{{Key: "a", Source: other("x", "")}},
			DataFrom: []v1alpha1.DataFrom{{Source: other("flags", "")}, {}}}, []string{"db AWSCURRENT eu-west-1", "x AWSCURRENT ", "flags AWSCURRENT "}},
		"one that is needed stays so, whichever entry comes first": {v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{
			{Key: "a", Source: other("x", "")}, {Key: "b", Source: other("x", ""), Optional: true},
		}}, []string{"x AWSCURRENT "}},
		"spec.source is not read where entries have sources of their own or find them": {v1alpha1.SecretSyncSpec{Source: db, DataFrom: []v1alpha1.DataFrom{
			{Source: other("x", "")}, {Find: &v1alpha1.Find{NamePrefix: "y"}},
		}}, []string{"x AWSCURRENT "}},
	} {
		t.Run(name, func(t *testing.T) {
			p := passOver(New(Options{}), test.spec)
			var got []string
			for _, one := range p.inputs {
				line := one.ref.SecretID + " " + one.ref.VersionStage + one.ref.VersionID + " " + one.ref.Region
				if one.optional {
					line += " ?"
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestVersionsAreNeverMixed: labels move while values are read, once or for ever.
func TestVersionsAreNeverMixed(t *testing.T) {
	spec := v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "db"}, Data: []v1alpha1.DataKey{
		{Key: "current"}, {Key: "previous", Source: other("", "AWSPREVIOUS")}, {Key: "twin", Source: other("twin", "")},
	}}
	rotate := func(s *shelf, n int) {
		s.labels["db"] = stages(fmt.Sprintf("v%d", n+1), fmt.Sprintf("v%d", n))
		s.labels["twin"] = stages(fmt.Sprintf("v%d", n+1), "")
	}
	for moves := range 4 {
		t.Run(fmt.Sprintf("%d rotations", moves), func(t *testing.T) {
			aws := &shelf{labels: map[string]map[string]string{}}
			rotate(aws, 1)
			left := moves
			aws.onFetch = func(s *shelf) {
				if left > 0 {
					rotate(s, 2+moves-left)
					left--
				}
			}
			c := New(Options{Source: aws})
			p := passOver(c, spec)
			if err := read(c, p); err != nil {
				t.Fatal(err)
			}
			got, now := rendered(p), aws.labels["db"]
			if want := map[string]string{"current": now["AWSCURRENT"], "previous": now["AWSPREVIOUS"], "twin": now["AWSCURRENT"]}; !cmp.Equal(want, got) {
				t.Error(cmp.Diff(want, got))
			}
		})
	}
	aws, n := &shelf{labels: map[string]map[string]string{}}, 1
	rotate(aws, n)
	aws.onFetch = func(s *shelf) { n++; rotate(s, n) }
	c := New(Options{Source: aws})
	p := passOver(c, spec)
	if err := read(c, p); source.KindOf(err) != source.Busy || p.data != nil {
		t.Errorf("labels that never rest: %v", err)
	}
}

func TestWhatMayBeMissing(t *testing.T) {
	entry := int32(0)
	named, optional, found := &input{}, &input{optional: true}, &input{optional: true, foundBy: &entry}
	for name, test := range map[string]struct {
		one    *input
		kind   source.Kind
		synced bool
		want   bool
	}{
		"a version that is needed":                       {named, source.VersionNotFound, false, false},
		"a version that is optional":                     {optional, source.VersionNotFound, false, true},
		"one that was there before, as labels come off":  {optional, source.VersionNotFound, true, true},
		"a secret that is optional":                      {optional, source.SecretNotFound, false, true},
		"one that was synced before":                     {optional, source.SecretNotFound, true, false},
		"an optional secret that is about to be deleted": {optional, source.SecretPendingDeletion, false, false},
		"a denial":                                    {optional, source.AccessDenied, false, false},
		"one that find has found, and that goes":      {found, source.SecretPendingDeletion, true, true},
		"one that find has found, and that is gone":   {found, source.SecretNotFound, true, true},
		"one that find has found, and that is denied": {found, source.AccessDenied, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.one.lacks(&source.Error{Kind: test.kind}, test.synced); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestTheErrorThatSaysMostIsTold(t *testing.T) {
	busy, denied := &source.Error{Kind: source.Busy}, &source.Error{Kind: source.AccessDenied}
	err := each(t.Context(), make([]*input, 3), func(_ context.Context, n int, _ *input) error {
		return []error{busy, denied, errors.New("later")}[n]
	})
	if !errors.Is(err, denied) {
		t.Errorf("got %v", err)
	}
}

func TestFindFollowsWhatComesAndGoes(t *testing.T) {
	aws := &shelf{labels: map[string]map[string]string{"a": stages("1", ""), "b": stages("2", ""), "new": {}}, found: []string{"a", "b", "new"}}
	c := New(Options{Source: aws})
	spec := v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{Find: &v1alpha1.Find{NamePrefix: "x"}, Prefix: "K_"}}}
	p := passOver(c, spec)
	if err := read(c, p); err != nil || !cmp.Equal(rendered(p), map[string]string{"K_a": "1", "K_b": "2"}) {
		t.Fatalf("%v, %v", err, rendered(p))
	}
	p.describeSources(observedVersion)
	p.sync.Status.Secret = &v1alpha1.SecretStatus{Name: "db", Generation: 1}
	again := c.begin(p.sync, &memory{})
	again.trigger = triggerPoll
	if err := c.observe(t.Context(), again); err != nil || !again.done {
		t.Errorf("unchanged, it is looked at again: %v", err)
	}
	if asked := c.findQuestion(again, 0); len(asked.Known) != 2 || !asked.Routine {
		t.Errorf("known before: %v; routine: %v", asked.Known, asked.Routine)
	}
	aws.found = []string{"b"}
	gone := c.begin(p.sync, &memory{})
	gone.trigger = triggerPoll
	if err := read(c, gone); err != nil || !cmp.Equal(rendered(gone), map[string]string{"K_b": "2"}) {
		t.Errorf("%v, %v", err, rendered(gone))
	}
	aws.found = nil
	none := c.begin(p.sync, &memory{})
	none.trigger = triggerPoll
	if err := read(c, none); source.KindOf(err) != source.SecretNotFound || !strings.Contains(err.Error(), "spec.dataFrom[0].find") {
		t.Errorf("nothing is found: %v", err)
	}
}

// TestFormerValuesStayForAWhile: they come with a rotation, stay for its time and go by themselves; a
// template, a property or a version that was not there before does not keep the present from coming.
func TestFormerValuesStayForAWhile(t *testing.T) {
	aws := &shelf{labels: map[string]map[string]string{"db": stages("v1", "")}}
	d := newDesk(t)
	d.Source = aws
	spec := v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "db"}, KeepPrevious: &v1alpha1.KeepPrevious{For: metav1.Duration{Duration: time.Hour}}}
	p := passOver(d.Controller, spec)
	next := func(want map[string]string, done bool) {
		t.Helper()
		if p.applied == nil && p.data != nil {
			p.describeSources(func(one *input) source.Version { return one.fetched.Version })
			p.sync.Status.PreviousUntil = timeOrNil(p.until)
			p.sync.Status.Secret = &v1alpha1.SecretStatus{Name: "db", Generation: 1}
		}
		p = d.begin(p.sync, &memory{})
		p.trigger = triggerPoll
		if err := read(d.Controller, p); err != nil || p.done != done || !done && !cmp.Equal(want, rendered(p)) {
			t.Errorf("%v, done %v: %v", err, p.done, rendered(p))
		}
	}
	next(map[string]string{"value": "v1"}, false)
	next(nil, true)
	aws.labels["db"] = stages("v2", "v1")
	next(map[string]string{"value": "v2", "value_previous": "v1"}, false)
	next(nil, true)
	if look := d.nextPoll(p, noon.Add(59*time.Minute)); look.After(noon.Add(time.Hour)) {
		t.Errorf("the next look is at %s", look)
	}
	d.clock.SetTime(noon.Add(30 * time.Minute))
	aws.labels["db"] = stages("v3", "v2")
	next(map[string]string{"value": "v3", "value_previous": "v2"}, false)
	d.clock.SetTime(noon.Add(time.Hour + time.Minute))
	next(nil, true)
	d.clock.SetTime(noon.Add(2 * time.Hour))
	next(map[string]string{"value": "v3"}, false)
	aws.labels["db"] = stages("v4", "") // Whatever has become of v3.
	next(map[string]string{"value": "v4"}, false)
}

// TestTheLastThatGoesTakesNothingWithIt: a list has what was deleted for some minutes more.
func TestTheLastThatGoesTakesNothingWithIt(t *testing.T) {
	gone := &source.Error{Kind: source.SecretPendingDeletion}
	for name, test := range map[string]struct {
		optional bool
		refused  map[string]error
		want     source.Kind
	}{
		"one of two":                   {false, map[string]error{"a": gone}, ""},
		"both":                         {false, map[string]error{"a": gone, "b": gone}, source.SecretNotFound},
		"both of an entry that may be": {true, map[string]error{"a": gone, "b": gone}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			aws := &shelf{labels: map[string]map[string]string{"db": stages("0", ""), "a": stages("1", ""), "b": stages("2", "")}, found: []string{"a", "b"}, refused: test.refused}
			c := New(Options{Source: aws})
			p := passOver(c, v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "db"}, Data: []v1alpha1.DataKey{{Key: "own"}},
				DataFrom: []v1alpha1.DataFrom{{Find: &v1alpha1.Find{NamePrefix: "x"}, Optional: test.optional}}})
			if err := read(c, p); source.KindOf(err) != test.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestFindLooksWhereTheSourceIs(t *testing.T) {
	for name, test := range map[string]struct {
		from v1alpha1.SecretSource
		want string
	}{
		"no source":        {v1alpha1.SecretSource{}, ""},
		"a name":           {v1alpha1.SecretSource{SecretID: "db"}, ""},
		"a region":         {v1alpha1.SecretSource{SecretID: "db", Region: "eu-west-1"}, "eu-west-1"},
		"a long name":      {v1alpha1.SecretSource{SecretID: "a:b:c:d:e"}, ""},
		"a part of an ARN": {v1alpha1.SecretSource{SecretID: "arn:aws:secretsmanager"}, ""},
		"an ARN's region":  {v1alpha1.SecretSource{SecretID: "arn:aws:secretsmanager:eu-north-1:111122223333:secret:db-a1b2c3"}, "eu-north-1"},
	} {
		if got := regionOf(&test.from); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestFormerValuesKeepNoPresentOnesBack: AWSPREVIOUS may well be the bad value that was refused, and that the
// present one mends.
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
			d := newDesk(t)
			d.Source = &shelf{labels: map[string]map[string]string{"db": stages(test.good, test.former)}}
			p := passOver(d.Controller, v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "db"}, Guards: &test.guards,
				KeepPrevious: &v1alpha1.KeepPrevious{For: metav1.Duration{Duration: time.Hour}}})
			p.before.Status.Sources = []v1alpha1.SourceStatus{{SecretID: "db", VersionStage: "AWSCURRENT", ARN: "arn:db", VersionID: "v1"}}
			if err := read(d.Controller, p); err != nil || !cmp.Equal(test.want, rendered(p)) {
				t.Errorf("%v, %v", err, rendered(p))
			}
		})
	}
}

// A rotation that comes between looking and reading is one: its former values are not forgotten.
func TestARotationWhileValuesAreReadKeepsTheFormerOnes(t *testing.T) {
	synced := v1alpha1.SourceStatus{SecretID: "db", VersionStage: "AWSCURRENT", ARN: "arn:db", VersionID: "v1"}
	former := v1alpha1.SourceStatus{SecretID: "db", VersionStage: "AWSPREVIOUS", ARN: "arn:db", VersionID: "v0"}
	soon := metav1.NewTime(noon.Add(time.Minute))
	for name, status := range map[string]v1alpha1.SecretSyncStatus{
		"the first one":                 {Sources: []v1alpha1.SourceStatus{synced}},
		"one while others are kept yet": {Sources: []v1alpha1.SourceStatus{synced, former}, PreviousUntil: &soon},
	} {
		t.Run(name, func(t *testing.T) {
			aws := &shelf{labels: map[string]map[string]string{"db": stages("v1", "v0")}}
			aws.onFetch = func(s *shelf) { s.labels["db"] = stages("v2", "v1") }
			d := newDesk(t)
			d.Source = aws
			p := passOver(d.Controller, v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "db"},
				KeepPrevious: &v1alpha1.KeepPrevious{For: metav1.Duration{Duration: time.Hour}}})
			p.trigger, p.before.Status = triggerDrift, status
			if err := read(d.Controller, p); err != nil {
				t.Fatal(err)
			}
			if want := map[string]string{"value": "v2", "value_previous": "v1"}; !cmp.Equal(want, rendered(p)) || !p.until.Equal(noon.Add(time.Hour)) {
				t.Errorf("%v until %s", rendered(p), p.until)
			}
		})
	}
}

// What another secret had before a rotation of its own, long ago, does not come back with this one's.
func TestFormerValuesAreThoseOfBeforeThisRotation(t *testing.T) {
	aws := &shelf{labels: map[string]map[string]string{"db": stages("db-2", "db-1"), "api": stages("api-9", "api-8")}}
	spec := v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{For: metav1.Duration{Duration: time.Hour}},
		Data:     []v1alpha1.DataKey{{Key: "db", Source: other("db", "")}, {Key: "api", Source: other("api", "")}},
		Template: &v1alpha1.Template{Data: map[string]string{"both": "{{ .db }} {{ .api }}"}, MergePolicy: v1alpha1.TemplateMergeReplace},
	}
	synced := func(name, stage, version string) v1alpha1.SourceStatus {
		return v1alpha1.SourceStatus{SecretID: name, VersionStage: stage, ARN: "arn:" + name, VersionID: version}
	}
	soon := metav1.NewTime(noon.Add(time.Minute))
	for name, test := range map[string]struct {
		status v1alpha1.SecretSyncStatus
		onRead func(s *shelf)
		want   map[string]string
	}{
		"one rotates": {v1alpha1.SecretSyncStatus{Sources: []v1alpha1.SourceStatus{synced("db", "AWSCURRENT", "db-1"), synced("api", "AWSCURRENT", "api-9")}},
			nil, map[string]string{"both": "db-2 api-9", "both_previous": "db-1 api-9"}},
		"the other has rotated before": {v1alpha1.SecretSyncStatus{PreviousUntil: &soon, Sources: []v1alpha1.SourceStatus{
			synced("db", "AWSCURRENT", "db-1"), synced("api", "AWSCURRENT", "api-9"), synced("api", "AWSPREVIOUS", "api-8")}},
			nil, map[string]string{"both": "db-2 api-9", "both_previous": "db-1 api-8"}},
		"one rotates while it is read": {v1alpha1.SecretSyncStatus{PreviousUntil: &soon, Sources: []v1alpha1.SourceStatus{
			synced("db", "AWSCURRENT", "db-2"), synced("api", "AWSCURRENT", "api-9"), synced("api", "AWSPREVIOUS", "api-8")}},
			func(s *shelf) { s.labels["db"] = stages("db-3", "db-2") }, map[string]string{"both": "db-3 api-9", "both_previous": "db-2 api-8"}},
	} {
		t.Run(name, func(t *testing.T) {
			aws.onFetch = test.onRead
			d := newDesk(t)
			d.Source = aws
			p := passOver(d.Controller, spec)
			p.before.Status = test.status
			aws.labels["db"] = stages("db-2", "db-1")
			if err := read(d.Controller, p); err != nil || !cmp.Equal(test.want, rendered(p)) {
				t.Errorf("%v: %s", err, cmp.Diff(test.want, rendered(p)))
			}
			for n, one := range p.former {
				if n > 0 && one.ref.SecretID == "db" {
					t.Error("former ones do not stand in the order of the present ones")
				}
			}
		})
	}
}

// TestWhatARefTakesFromItsEntry: all that chooses a version, of the entry or of spec.source, never of both.
func TestWhatARefTakesFromItsEntry(t *testing.T) {
	from := v1alpha1.SecretSource{SecretID: "db", VersionStage: "blue", Region: "eu-west-1", FailoverRegions: []string{"eu-north-1", "us-east-1"}}
	pinned := v1alpha1.SecretSource{SecretID: "db", VersionID: "v7"}
	for name, test := range map[string]struct {
		from v1alpha1.SecretSource
		own  *v1alpha1.EntrySource
		want source.Ref
	}{
		"spec.source":                   {from, nil, source.Ref{SecretID: "db", VersionStage: "blue", Region: "eu-west-1", FailoverRegions: "eu-north-1 us-east-1"}},
		"a pinned one":                  {pinned, nil, source.Ref{SecretID: "db", VersionID: "v7"}},
		"another label of it":           {from, &v1alpha1.EntrySource{VersionStage: "green"}, source.Ref{SecretID: "db", VersionStage: "green", Region: "eu-west-1", FailoverRegions: "eu-north-1 us-east-1"}},
		"another version of it":         {from, &v1alpha1.EntrySource{VersionID: "v8"}, source.Ref{SecretID: "db", VersionID: "v8", Region: "eu-west-1", FailoverRegions: "eu-north-1 us-east-1"}},
		"a secret of its own":           {from, &v1alpha1.EntrySource{SecretID: "x", VersionStage: "red", Region: "us-west-2"}, source.Ref{SecretID: "x", VersionStage: "red", Region: "us-west-2"}},
		"a pinned one of its own":       {from, &v1alpha1.EntrySource{SecretID: "x", VersionID: "v9"}, source.Ref{SecretID: "x", VersionID: "v9"}},
		"the label that is the default": {pinned, &v1alpha1.EntrySource{SecretID: "x"}, source.Ref{SecretID: "x", VersionStage: "AWSCURRENT"}},
	} {
		p := passOver(New(Options{}), v1alpha1.SecretSyncSpec{Source: test.from})
		test.want.Reader = p.reader()
		if diff := cmp.Diff(test.want, p.refOf(test.own)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestTheVersionThatIsSpokenOf is that of the first input that is there, once it is read as it was read.
func TestTheVersionThatIsSpokenOf(t *testing.T) {
	made := func(id, fetched string, absent bool) *input {
		one := &input{absent: absent}
		one.observation.Version.ID, one.fetched.Version.ID = id, fetched
		return one
	}
	gone, seen, read := made("", "", true), made("v1", "", false), made("v1", "v2", false)
	for name, test := range map[string]struct {
		inputs []*input
		main   *input
		want   string
	}{
		"nothing is known to be read": {nil, nil, ""},
		"it is observed":              {[]*input{seen, read}, seen, "v1"},
		"it is read":                  {[]*input{read, seen}, read, "v2"},
		"the first is not there":      {[]*input{gone, read}, read, "v2"},
		"none is there":               {[]*input{gone, made("", "", true)}, gone, ""},
	} {
		p := &pass{inputs: test.inputs}
		if got := p.version().ID; p.main() != test.main || got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestWhichSyncedVersionIsOfAnInput: the one at its place, or, where places have moved, the first of its secret and label.
func TestWhichSyncedVersionIsOfAnInput(t *testing.T) {
	of := func(secretID, stage, region string) v1alpha1.SourceStatus {
		return v1alpha1.SourceStatus{SecretID: secretID, VersionStage: stage, Region: region}
	}
	p := &pass{before: fresh()}
	p.before.Status.Sources = []v1alpha1.SourceStatus{of("x", "AWSCURRENT", "one"), of("x", "AWSCURRENT", "two"), of("y", "blue", "three")}
	for name, test := range map[string]struct {
		place         int
		secret, stage string
		want          string
	}{
		"at its place":            {1, "x", "AWSCURRENT", "two"},
		"moved, the first of all": {5, "x", "AWSCURRENT", "one"},
		"moved":                   {0, "y", "blue", "three"},
		"another secret":          {2, "z", "blue", ""},
		"another label":           {2, "y", "AWSCURRENT", ""},
	} {
		got := ""
		if synced := p.synced(test.place, &input{ref: source.Ref{SecretID: test.secret, VersionStage: test.stage}}); synced != nil {
			got = synced.Region
		}
		if got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
