package notify

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
)

// newMatcher is a Matcher of some SecretSyncs, by name, all in namespace payments.
func newMatcher(t *testing.T, syncs map[string]v1alpha1.SecretSync) *Matcher {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	builder := fake.NewClientBuilder().WithScheme(scheme).WithIndex(&v1alpha1.SecretSync{}, secretIndex, func(object client.Object) []string {
		return keysOf(object.(*v1alpha1.SecretSync))
	})
	for name, secretSync := range syncs {
		secretSync.Namespace, secretSync.Name = "payments", name
		builder.WithObjects(&secretSync)
	}
	return &Matcher{Client: builder.Build(), Region: region, Patterns: pattern.NewCache()}
}

func following(source v1alpha1.SecretSource) v1alpha1.SecretSync {
	return v1alpha1.SecretSync{Spec: v1alpha1.SecretSyncSpec{Source: source}}
}

func followingID(secretID string) v1alpha1.SecretSync {
	return following(v1alpha1.SecretSource{SecretID: secretID})
}

func named(names ...string) []types.NamespacedName {
	all := make([]types.NamespacedName, 0, len(names))
	for _, name := range names {
		all = append(all, types.NamespacedName{Namespace: "payments", Name: name})
	}
	return all
}

func TestAChangeConcernsTheSecretSyncsOfTheSecret(t *testing.T) {
	const tricky = "/prod/db-abcdef" // A name that ends as a full ARN does.
	matcher := newMatcher(t, map[string]v1alpha1.SecretSync{
		"by-name":           followingID("/prod/db"),
		"by-partial-arn":    followingID(prefix + "/prod/db"),
		"by-full-arn":       followingID(dbARN),
		"former-arn":        followingID(prefix + "/prod/db-zzzzzz"),
		"longer-name":       followingID("/prod/db-replica"),
		"tricky-name":       followingID(tricky),
		"tricky-arn":        followingID(prefix + tricky),
		"elsewhere-by-name": following(v1alpha1.SecretSource{SecretID: "/prod/db", Region: "us-east-1"}),
		"elsewhere-by-arn":  followingID("arn:aws:secretsmanager:us-east-1:111122223333:secret:/prod/db-a1B2c3"),
		"other-account":     followingID("arn:aws:secretsmanager:eu-west-1:444455556666:secret:/prod/db-a1B2c3"),
		"fails-over":        following(v1alpha1.SecretSource{SecretID: "/prod/db", Region: "us-east-1", FailoverRegions: []string{region}}),
		"unmatched":         followingID("/prod/other"),
	})
	followers := []string{"by-full-arn", "by-name", "by-partial-arn", "fails-over"}
	for name, test := range map[string]struct {
		change Change
		want   []string
	}{
		"named by name":                      {Change{SecretID: "/prod/db", ARN: dbARN, Region: region, Account: account}, followers},
		"named by full ARN":                  {Change{SecretID: dbARN, ARN: dbARN, Region: region, Account: account}, followers},
		"of which the full ARN is not known": {Change{SecretID: "/prod/db", Region: region, Account: account}, []string{"by-full-arn", "by-name", "by-partial-arn", "fails-over", "former-arn", "tricky-arn"}},
		"by an ARN that may be partial":      {Change{SecretID: prefix + "/prod/db", Region: region, Account: account}, []string{"by-full-arn", "by-name", "by-partial-arn", "fails-over", "former-arn", "tricky-arn"}},
		"by an ARN that may be full":         {Change{SecretID: dbARN, Region: region, Account: account}, followers},
		"of the secret with the tricky name": {Change{SecretID: tricky, ARN: prefix + tricky + "-a1B2c3", Region: region, Account: account}, []string{"tricky-arn", "tricky-name"}},
		"of a secret whose ARN looks so":     {Change{SecretID: "/prod/db", ARN: prefix + tricky, Region: region, Account: account}, []string{"by-name", "by-partial-arn", "fails-over", "tricky-arn"}},
		"in another region":                  {Change{SecretID: "/prod/db", ARN: "arn:aws:secretsmanager:us-east-1:111122223333:secret:/prod/db-a1B2c3", Region: "us-east-1", Account: account}, []string{"elsewhere-by-arn", "elsewhere-by-name", "fails-over"}},
		"in another account":                 {Change{SecretID: dbARN, ARN: "arn:aws:secretsmanager:eu-west-1:444455556666:secret:/prod/db-a1B2c3", Region: region, Account: "444455556666"}, []string{"by-name", "fails-over", "other-account"}},
		"of a secret without a SecretSync":   {Change{SecretID: "/prod/d", ARN: prefix + "/prod/d-a1B2c3", Region: region, Account: account}, nil},
	} {
		t.Run(name, func(t *testing.T) { check(t, matcher, test.change, test.want) })
	}
}

func check(t *testing.T, matcher *Matcher, change Change, want []string) {
	t.Helper()
	got, err := matcher.Match(t.Context(), change)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(named(want...), got); diff != "" {
		t.Errorf("SecretSyncs differ (-want +got):\n%s", diff)
	}
}

func TestEveryPlaceThatNamesASecretCounts(t *testing.T) {
	entry := func(id string) *v1alpha1.EntrySource { return &v1alpha1.EntrySource{SecretID: id} }
	matcher := newMatcher(t, map[string]v1alpha1.SecretSync{
		"data":         {Spec: v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "x"}, Data: []v1alpha1.DataKey{{Key: "a"}, {Key: "b", Source: entry("/prod/db")}}}},
		"data-from":    {Spec: v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{Source: entry("y")}, {Source: entry(prefix + "/prod/db")}}}},
		"stage":        {Spec: v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "/prod/db"}, Data: []v1alpha1.DataKey{{Key: "a", Source: &v1alpha1.EntrySource{VersionStage: "AWSPREVIOUS"}}}}},
		"other-region": {Spec: v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{{Key: "a", Source: &v1alpha1.EntrySource{SecretID: "/prod/db", Region: "us-east-1"}}}}},
		"none-of-it":   {Spec: v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "x"}, Data: []v1alpha1.DataKey{{Key: "a", Source: entry("z")}}}},
	})
	check(t, matcher, Change{SecretID: "/prod/db", ARN: dbARN, Region: region, Account: account}, []string{"data", "data-from", "stage"})
}

func TestAFindMatchesByName(t *testing.T) {
	finding := func(find v1alpha1.Find) v1alpha1.SecretSync {
		return v1alpha1.SecretSync{Spec: v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{Find: &find}}}}
	}
	inUSA := finding(v1alpha1.Find{NamePrefix: "/prod/"})
	inUSA.Spec.Source = v1alpha1.SecretSource{SecretID: "x", Region: "us-east-1"}
	byARN := finding(v1alpha1.Find{NamePrefix: "/prod/"})
	byARN.Spec.Source = v1alpha1.SecretSource{SecretID: "arn:aws:secretsmanager:us-east-1:111122223333:secret:x-a1b2c3"}
	matcher := newMatcher(t, map[string]v1alpha1.SecretSync{
		"source-arn":    byARN,
		"prefix":        finding(v1alpha1.Find{NamePrefix: "/prod/"}),
		"other-prefix":  finding(v1alpha1.Find{NamePrefix: "/test/"}),
		"pattern":       finding(v1alpha1.Find{NamePattern: "/[a-z]+/db"}),
		"part-of-it":    finding(v1alpha1.Find{NamePattern: "prod|db"}), // Patterns match whole names.
		"no-pattern":    finding(v1alpha1.Find{NamePattern: "("}),
		"both":          finding(v1alpha1.Find{NamePrefix: "/prod/", NamePattern: ".*/db"}),
		"one-of-both":   finding(v1alpha1.Find{NamePrefix: "/prod/", NamePattern: ".*/cache"}),
		"tags":          finding(v1alpha1.Find{Tags: map[string]string{"team": "payments"}}),
		"other-region":  finding(v1alpha1.Find{NamePrefix: "/prod/", Region: "us-east-1"}),
		"source-region": inUSA,
	})
	check(t, matcher, Change{SecretID: "/prod/db", ARN: dbARN, Region: region, Account: account}, []string{"both", "pattern", "prefix", "source-arn", "tags"})
	check(t, matcher, Change{SecretID: "/prod/db", Region: "us-east-1"}, []string{"other-region", "source-arn", "source-region"})
}

func TestTheAccountOfANameIsThatOfTheStatus(t *testing.T) {
	synced := func(arn string, generation int64) v1alpha1.SecretSync {
		secretSync := followingID("/prod/db")
		secretSync.ObjectMeta = metav1.ObjectMeta{Generation: 2}
		secretSync.Status.Secret = &v1alpha1.SecretStatus{Generation: generation}
		secretSync.Status.Sources = []v1alpha1.SourceStatus{{SecretID: "/prod/db", ARN: arn}}
		return secretSync
	}
	other := "arn:aws:secretsmanager:eu-west-1:444455556666:secret:/prod/db-x9y8z7"
	matcher := newMatcher(t, map[string]v1alpha1.SecretSync{
		"here": synced(dbARN, 2), "there": synced(other, 2), "was-there": synced(other, 1), "never-synced": followingID("/prod/db"),
		"recreated": synced(prefix+"/prod/db-zzzzzz", 2),
	})
	check(t, matcher, Change{SecretID: "/prod/db", ARN: dbARN, Region: region, Account: account}, []string{"here", "never-synced", "recreated", "was-there"})
}

// If a spec is too large for the cache, the cache keeps digests of the names.
func TestAChangeConcernsAbridgedSecretSyncs(t *testing.T) {
	spec := v1alpha1.SecretSyncSpec{}
	for n := range 300 {
		spec.Data = append(spec.Data, v1alpha1.DataKey{Source: &v1alpha1.EntrySource{SecretID: fmt.Sprint("db-", n)}})
	}
	kept := &v1alpha1.SecretSync{Abridged: &v1alpha1.Abridged{Follows: Digests(&spec, 1000)}}
	if keys := keysOf(kept); len(keys) != 1 || keys[0] != keyAbridged {
		t.Errorf("it is found by %q", keys)
	}
	matcher := &Matcher{}
	for name, want := range map[string]bool{"db-0": true, "db-299": true, "db-300": false} {
		if got := matcher.concerns(Change{SecretID: name}, kept, nil); got != want {
			t.Errorf("a change of %s concerns it: %v", name, got)
		}
	}
	kept.Spec.Suspend = true
	if keys := keysOf(kept); len(keys) > 0 {
		t.Errorf("suspended, it is found by %q", keys)
	}
	if got := len(Digests(&spec, 100)); got != 100 {
		t.Errorf("%d digests are kept", got)
	}
}
