package resolve

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// TestVersionsAreNeverMixed: labels move while values are read, once or without end.
func TestVersionsAreNeverMixed(t *testing.T) {
	spec := v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "db"}, Data: []v1alpha1.DataKey{
		{Key: "current"}, {Key: "previous", Source: other("", "AWSPREVIOUS")}, {Key: "twin", Source: other("twin", "")},
	}}
	rotate := func(secrets account, n int) {
		secrets["db"] = stages(fmt.Sprintf("v%d", n+1), fmt.Sprintf("v%d", n))
		secrets["twin"] = stages(fmt.Sprintf("v%d", n+1), "")
	}
	for moves := range 4 {
		t.Run(fmt.Sprintf("%d rotations", moves), func(t *testing.T) {
			secrets, left := account{}, moves
			rotate(secrets, 1)
			aws := secrets.source()
			aws.onFetch = func() {
				if left > 0 {
					rotate(secrets, 2+moves-left)
					left--
				}
			}
			set, err := read(t.Context(), resolverOf(aws), requestFor(spec))
			if err != nil {
				t.Fatal(err)
			}
			now := secrets["db"]
			want := map[string]string{"db AWSCURRENT": now["AWSCURRENT"], "db AWSPREVIOUS": now["AWSPREVIOUS"], "twin AWSCURRENT": now["AWSCURRENT"]}
			if diff := cmp.Diff(want, texts(set)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	secrets, n := account{}, 1
	rotate(secrets, n)
	aws := secrets.source()
	aws.onFetch = func() { n++; rotate(secrets, n) }
	if _, err := read(t.Context(), resolverOf(aws), requestFor(spec)); source.KindOf(err) != source.Busy {
		t.Errorf("labels that move without end: %v", err)
	}
}

// TestWhatAWSRefusesEndsTheReconcile, at whatever point, and nothing is made of the rest.
func TestWhatAWSRefusesEndsTheReconcile(t *testing.T) {
	denied := &source.Error{Kind: source.AccessDenied, Explanation: "denied"}
	refusing := func(secretID, stage string, at int) *fakeSource {
		return &fakeSource{resolve: func(n int, query source.VersionQuery) (source.Resolution, error) {
			answer := resolution(query.SecretID, "v2")
			if query.VersionStage == StagePrevious {
				answer = resolution(query.SecretID, "v1")
			}
			if query.SecretID == secretID && query.VersionStage == stage && n == at {
				return answer, denied // A version with an error is none.
			}
			return answer, nil
		}}
	}
	unread := refusing("", "", 0)
	unread.fetch = func(int, source.Ref, source.Version) (source.Fetched, error) { return source.Fetched{}, denied }
	meanwhile := refusing("db", StagePrevious, 0)
	otherwise := meanwhile.resolve
	meanwhile.resolve = func(n int, query source.VersionQuery) (source.Resolution, error) {
		if query.VersionStage == v1alpha1.DefaultVersionStage && n == 0 {
			return resolution("db", "v1"), nil
		}
		return otherwise(n, query)
	}
	meanwhile.fetch = func(_ int, ref source.Ref, _ source.Version) (source.Fetched, error) {
		return source.Fetched{Version: resolution(ref.SecretID, "v2").Version}, nil
	}
	unfound := refusing("", "", 0)
	unfound.find = func(source.FindQuery) ([]source.Found, error) { return nil, denied }
	finds := twoSecrets()
	finds.DataFrom = []v1alpha1.DataFrom{{Find: &v1alpha1.Find{NamePrefix: "x"}, Optional: true}}
	for name, test := range map[string]struct {
		aws            *fakeSource
		spec           v1alpha1.SecretSyncSpec
		reads, queries int
	}{
		"to find secrets":                       {unfound, finds, 0, 0},
		"the version of a secret":               {refusing("b", "AWSCURRENT", 0), twoSecrets(), 0, 2},
		"the value of a secret":                 {unread, twoSecrets(), 2, 2},
		"the version of a secret after reading": {refusing("b", "AWSCURRENT", 1), twoSecrets(), 2, 4},
		"the former version":                    {refusing("db", StagePrevious, 0), keepingPrevious(), 0, 2},
		"the former version, rotated meanwhile": {meanwhile, keepingPrevious(), 1, 3},
		"the former version after reading":      {refusing("db", StagePrevious, 1), keepingPrevious(), 2, 4},
	} {
		t.Run(name, func(t *testing.T) {
			request := requestFor(test.spec, syncedAt("db", "AWSCURRENT", "v1"))
			request.Consistency.tries.Store(5)
			set, err := read(t.Context(), resolverOf(test.aws), request)
			if source.KindOf(err) != source.AccessDenied {
				t.Errorf("%v", err)
			}
			if named := test.reads > 0; set.Answered != named {
				t.Errorf("AWS has named all versions: %t", set.Answered)
			}
			if reads, queries := len(test.aws.fetches), len(test.aws.queries); reads != test.reads || queries != test.queries {
				t.Errorf("%d reads and %d queries, want %d and %d", reads, queries, test.reads, test.queries)
			}
			if request.Consistency.tries.Load() != 5 {
				t.Error("a request that was refused counts as consistent")
			}
		})
	}
}

// TestAValueThatWasResolvedIsNotReadAgain: where reading it is all that AWS allows.
func TestAValueThatWasResolvedIsNotReadAgain(t *testing.T) {
	aws := &fakeSource{resolve: withValue}
	set, err := read(t.Context(), resolverOf(aws), requestFor(keepingPrevious()))
	if err != nil {
		t.Fatal(err)
	}
	if got := texts(set)["db AWSCURRENT"]; len(aws.fetches) != 0 || got != "resolved" {
		t.Errorf("%d reads, the value is the resolved one: %v", len(aws.fetches), got == "resolved")
	}
}

// withValue gives the value with the version.
func withValue(int, source.VersionQuery) (source.Resolution, error) {
	answer := resolution("db", "v1")
	answer.Value = new(source.TextValue("resolved"))
	return answer, nil
}

// TestAValueThatAWSDoesNotHave may come yet where a label is followed, and does not where a version is pinned.
func TestAValueThatAWSDoesNotHave(t *testing.T) {
	for name, test := range map[string]struct {
		pinned string
		moves  bool
		tries  int64
		want   source.Kind
		reads  int
	}{
		"of a label":                          {"", false, 0, source.Busy, 1},
		"of a label, and that lasts":          {"", false, missingTries - 1, source.VersionNotFound, 1},
		"of a label that has moved meanwhile": {"", true, missingTries - 1, "", 2},
		"of a pinned version":                 {"v1", false, 0, source.VersionNotFound, 1},
	} {
		t.Run(name, func(t *testing.T) {
			aws := &fakeSource{
				resolve: func(n int, _ source.VersionQuery) (source.Resolution, error) {
					if n > 0 && test.moves {
						return resolution("db", "v2"), nil
					}
					return resolution("db", "v1"), nil
				},
				fetch: func(_ int, _ source.Ref, resolved source.Version) (source.Fetched, error) {
					if resolved.ID == "v1" {
						return source.Fetched{}, &source.Error{Kind: source.VersionNotFound}
					}
					return source.Fetched{Version: resolved, Value: source.TextValue(resolved.ID)}, nil
				},
			}
			spec := keepingPrevious()
			spec.Source.VersionID = test.pinned
			request := requestFor(spec)
			request.Consistency.tries.Store(test.tries)
			set, err := read(t.Context(), resolverOf(aws), request)
			if source.KindOf(err) != test.want {
				t.Errorf("got %v", err)
			}
			if len(aws.fetches) != test.reads {
				t.Errorf("%d reads, want %d: what has not moved is not read again at once", len(aws.fetches), test.reads)
			}
			if is := texts(set)["db AWSCURRENT"] == "v2"; is != (err == nil) {
				t.Errorf("the value is v2: %v, though the error is %v", is, err)
			}
		})
	}
}

// TestLabelsThatNeverRestAreReadSomeTimes, and then later.
func TestLabelsThatNeverRestAreReadSomeTimes(t *testing.T) {
	aws := &fakeSource{
		resolve: func(n int, _ source.VersionQuery) (source.Resolution, error) {
			return resolution("db", string(rune('a'+n))), nil
		},
		fetch: func(n int, _ source.Ref, _ source.Version) (source.Fetched, error) {
			return source.Fetched{Version: resolution("db", string(rune('A'+n))).Version}, nil
		},
	}
	if _, err := read(t.Context(), resolverOf(aws), requestFor(keepingPrevious())); source.KindOf(err) != source.Busy || len(aws.fetches) != maxRounds {
		t.Errorf("%d reads, %v", len(aws.fetches), err)
	}
}

// TestAllIsReadAgainWhereOneHasMoved between the queries before and after: the other may have been another then.
func TestAllIsReadAgainWhereOneHasMoved(t *testing.T) {
	for name, test := range map[string]struct {
		first source.Version
		reads int
	}{
		"none":               {source.Version{ARN: "arn:a", ID: "v2"}, 2},
		"to another version": {source.Version{ARN: "arn:a", ID: "v1"}, 4},
		"to another secret":  {source.Version{ARN: "arn:of before", ID: "v2"}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			aws := &fakeSource{
				resolve: func(n int, query source.VersionQuery) (source.Resolution, error) {
					if query.SecretID == "a" && n == 0 {
						return source.Resolution{Version: test.first}, nil
					}
					return resolution(query.SecretID, "v2"), nil
				},
				fetch: func(_ int, ref source.Ref, _ source.Version) (source.Fetched, error) {
					return source.Fetched{Version: resolution(ref.SecretID, "v2").Version, Value: source.TextValue("v2")}, nil
				},
			}
			if _, err := read(t.Context(), resolverOf(aws), requestFor(twoSecrets())); err != nil || len(aws.fetches) != test.reads {
				t.Errorf("%d reads, %v", len(aws.fetches), err)
			}
		})
	}
}

// TestASetWithTooManyBytesAsksForNoMore, and what it reads again takes the place of what it had.
func TestASetWithTooManyBytesAsksForNoMore(t *testing.T) {
	aws := &fakeSource{resolve: withValue}
	r, request := resolverOf(aws), requestFor(keepingPrevious())
	request.MaxBytes = 1 << 20
	set := NewSet(request)
	input, once := set.Inputs[0], int64(0)
	for n := range 3 {
		if err := errors.Join(r.resolve(t.Context(), set, 0, set.Inputs, source.VersionQuery{}), r.read(t.Context(), set, input)); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			once = set.Size()
		}
	}
	if bytes := set.Size(); bytes != once {
		t.Errorf("the value counts with %d bytes, and read again with %d", once, bytes)
	}
	input.Absent = true
	if err := r.read(t.Context(), set, input); err != nil || set.Size() != 0 {
		t.Errorf("%d bytes of what is absent are held, %v", set.Size(), err)
	}
	input.Absent, input.Resolution.Value = false, nil
	set.size.Store(request.MaxBytes)
	if set.full() {
		t.Error("a set with as many bytes as it may hold is full")
	}
	set.size.Store(request.MaxBytes + 1)
	asked := len(aws.queries)
	if err := r.resolve(t.Context(), set, 0, set.Inputs, source.VersionQuery{}); !errors.Is(err, ErrTooLarge) || len(aws.queries) > asked {
		t.Errorf("it resolves %d more versions: %v", len(aws.queries)-asked, err)
	}
	if err := r.read(t.Context(), set, input); !errors.Is(err, ErrTooLarge) || len(aws.fetches) > 0 {
		t.Errorf("it reads %d more values: %v", len(aws.fetches), err)
	}
}

// TestASecretIsReadWithOneQueryAndOneRead, after which the count of requests that did not fit begins again, and the set
// holds the bytes that were read until they are dropped.
func TestASecretIsReadWithOneQueryAndOneRead(t *testing.T) {
	for name, test := range map[string]struct {
		aws   *fakeSource
		value string
		reads int
	}{
		"that is read":                {account{"db": stages("v2", "v1")}.source(), "v2", 1},
		"that comes with its version": {&fakeSource{resolve: withValue}, "resolved", 0},
	} {
		t.Run(name, func(t *testing.T) {
			request := requestFor(keepingPrevious())
			request.Consistency.tries.Store(5)
			set, err := read(t.Context(), resolverOf(test.aws), request)
			if err != nil {
				t.Fatal(err)
			}
			if !set.Answered {
				t.Error("AWS has named all versions, and the set does not say so")
			}
			if queries, reads := len(test.aws.queries), len(test.aws.fetches); queries != 1 || reads != test.reads {
				t.Errorf("%d queries and %d reads", queries, reads)
			}
			if tries := request.Consistency.tries.Load(); tries != 0 {
				t.Errorf("after values that fit, %d requests that did not fit are counted", tries)
			}
			if got := texts(set)["db AWSCURRENT"]; got != test.value || set.Size() != int64(len(test.value)) {
				t.Errorf("a value of %d bytes counts as %d, want %d", len(got), set.Size(), len(test.value))
			}
			set.DropValues()
			if got := texts(set)["db AWSCURRENT"]; got != "" || set.Inputs[0].Resolution.Value != nil {
				t.Errorf("after DropValues %d bytes are held", len(got))
			}
			if got := set.Version().ID; got == "" {
				t.Error("the version is dropped with its value")
			}
		})
	}
}

// TestBytesCountFromTheVersionOn: where reading the value is all that AWS allows, resolving it holds it already.
func TestBytesCountFromTheVersionOn(t *testing.T) {
	set, err := resolverOf(&fakeSource{resolve: withValue}).Versions(t.Context(), requestFor(keepingPrevious()))
	if want := int64(len("resolved")); err != nil || set.Size() != want {
		t.Errorf("%d bytes are held, want %d: %v", set.Size(), want, err)
	}
}

// TestAVersionThatIsNotCertainIsNotAccepted, though its value is there.
func TestAVersionThatIsNotCertainIsNotAccepted(t *testing.T) {
	aws := &fakeSource{resolve: func(int, source.VersionQuery) (source.Resolution, error) {
		answer := resolution("db", "v1")
		answer.Uncertain = true
		return answer, nil
	}}
	if _, err := read(t.Context(), resolverOf(aws), requestFor(keepingPrevious())); source.KindOf(err) != source.Busy {
		t.Errorf("got %v", err)
	}
}

// TestLabelsThatDoNotMoveTogetherAreWaitedFor: AWSPREVIOUS that is still where it was before the rotation. Labels that were
// moved by hand stay like that, and do not hold the SecretSync up for good.
func TestLabelsThatDoNotMoveTogetherAreWaitedFor(t *testing.T) {
	for tries, want := range map[int64]source.Kind{0: source.Busy, mismatchTries - 1: source.Busy, mismatchTries: ""} {
		aws := account{"db": stages("v3", "v1")}.source()
		request := requestFor(keepingPrevious(), syncedAt("db", "AWSCURRENT", "v2"), syncedAt("db", StagePrevious, "v1"))
		request.Consistency.tries.Store(tries)
		if _, err := read(t.Context(), resolverOf(aws), request); source.KindOf(err) != want {
			t.Errorf("after %d requests: %v", tries, err)
		}
	}
}
