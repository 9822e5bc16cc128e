package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/partitions"
	"github.com/secretsync/secretsync/hack/localaws"
)

// A new version of the SDK may bring regions, which belong into the list then.
func TestTheKnownRegionsAreThoseOfTheSDK(t *testing.T) {
	folder, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(folder)), "internal", "endpoints", "awsrulesfn", "partitions.json"))
	if err != nil {
		t.Fatal(err)
	}
	var sdk struct {
		Partitions []struct {
			ID      string              `json:"id"`
			Regions map[string]struct{} `json:"regions"`
		} `json:"partitions"`
	}
	if err := json.Unmarshal(content, &sdk); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, partition := range sdk.Partitions {
		for region := range partition.Regions {
			if strings.HasSuffix(region, "-global") { // It stands for all of the partition.
				continue
			}
			want = append(want, region)
			if got := partitions.Of(region); got != partition.ID {
				t.Errorf("%s is taken for a region of partition %s, and is of %s", region, got, partition.ID)
			}
		}
	}
	got := knownRegions()
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("regions differ (-SDK +here):\n%s", diff)
	}
	if err := WrongRegions(want[:MostAdditionalRegions]); err != nil {
		t.Error(err)
	}
}

func TestRegionsThatCannotBeAdded(t *testing.T) {
	many := make([]string, MostAdditionalRegions+1)
	for i := range many {
		many[i] = fmt.Sprintf("eu-new-%d", i)
	}
	for name, regions := range map[string][]string{"no code": {"Europe"}, "two in one": {"eu-new-1 eu-new-2"}, "a long one": {"eu-" + strings.Repeat("x", 40) + "-1"}, "many": many} {
		if err := WrongRegions(regions); err == nil {
			t.Errorf("%s: %v is taken", name, regions)
		}
	}
	if err := WrongRegions(many); err == nil || err.Error() != "17 regions are named, and 16 are the most" {
		t.Error(err)
	}
	longest := "eu-" + strings.Repeat("x", 27) + "-1"
	if err := WrongRegions([]string{longest}); len(longest) != 32 || err != nil {
		t.Error(err)
	}
	if err := WrongRegions([]string{"x" + longest}); err == nil {
		t.Error("one character more is taken")
	}
}

// invented asks for a secret in so many regions that AWS does not have, by their names and in ARNs, and looks for some.
func (env *environment) invented(t *testing.T, s *Source, many int) {
	t.Helper()
	for i := range many {
		region := fmt.Sprintf("eu-invented-%d", i)
		named, within := current("db"), current("arn:aws:secretsmanager:"+region+":111122223333:secret:db-a1B2c3")
		named.Region = region
		_, byName := s.Resolve(t.Context(), source.VersionQuery{Ref: named})
		_, byARN := s.Fetch(t.Context(), within, source.Version{})
		_, found := s.Find(t.Context(), source.FindQuery{NamePrefix: "d", Region: region})
		for _, err := range []error{byName, byARN, found} {
			mustMention(t, err, source.Failed, region, "failoverRegions", "--additional-regions")
		}
	}
}

// What a SecretSync names as its region costs neither a call nor memory where AWS has none of that name.
func TestClientsAndMetricsOfInventedRegionsAreBounded(t *testing.T) {
	env := newEnvironment(t)
	env.invented(t, env.source, 100)
	if len(env.Calls()) != 0 || env.endpoints() != 0 || len(env.gather(t)) != 0 {
		t.Errorf("%d calls, %d endpoints, %d metrics", len(env.Calls()), env.endpoints(), len(env.gather(t)))
	}
	if got := env.source.regionLabel("eu-invented-1"); got != otherRegion {
		t.Errorf("a region that is not known is counted as %q", got)
	}
}

func TestRegionsThatAreAddedAreRead(t *testing.T) {
	env := newEnvironment(t)
	s := env.again(t, Options{AdditionalRegions: []string{"eu-new-1"}})
	ref := current("db")
	ref.Region = "eu-new-1"
	if _, err := s.Resolve(t.Context(), source.VersionQuery{Ref: ref}); source.KindOf(err) != source.SecretNotFound {
		t.Error(err)
	}
	if got := env.counted(t, "DescribeSecret", "SecretNotFound", "eu-new-1"); got != 1 {
		t.Errorf("%v calls are counted", got)
	}
}

// The operator's own region is one whatever its name, as that of a local AWS.
func TestTheOperatorsOwnRegionIsKnown(t *testing.T) {
	newEnvironment(t)
	s, err := New(t.Context(), Options{Region: "local"})
	if err != nil || !s.Knows("local") {
		t.Errorf("the own region is not known: %v", err)
	}
	if s, err = New(t.Context(), Options{}); err != nil || s.Knows("") || s.Knows("local") {
		t.Errorf("an operator without a region knows one of no name: %v", err)
	}
}

// An operator that starts, and finds SecretSyncs of as many invented regions as there are before all others, shares calls in
// its own region as ever.
func TestTheOwnRegionHasItsPlaceAfterInventedOnes(t *testing.T) {
	env := newEnvironment(t)
	const secrets, each = 4, 30
	for i := range secrets {
		env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String(fmt.Sprint("db", i))})
	}
	for range 2 { // The second one is a restart.
		s := env.again(t, Options{})
		env.ResetCalls()
		env.invented(t, s, 64)
		for i := range secrets * each {
			if _, err := s.Resolve(t.Context(), source.VersionQuery{Ref: current(fmt.Sprint("db", i%secrets)), MaxAge: time.Minute}); err != nil {
				t.Fatal(err)
			}
		}
		if got := env.Count("DescribeSecret"); got != secrets {
			t.Errorf("%d calls for %d secrets that %d follow", got, secrets, secrets*each)
		}
	}
}

// A region that hangs keeps no more questions waiting than its room, however many regions were named before it, and another
// region answers meanwhile.
func TestARegionThatHangsHasItsBulkheadAfterInventedOnes(t *testing.T) {
	env := newEnvironment(t)
	const room, workers = 4, 20
	s := env.again(t, Options{CallTimeout: time.Minute, Room: room})
	env.invented(t, s, 64)
	if err := env.SetOutages(localaws.Outage{Region: "eu-north-1", Kind: localaws.OutageHang}); err != nil {
		t.Fatal(err)
	}
	hangs, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	var all sync.WaitGroup
	busy := make(chan source.Kind, workers)
	for i := range workers {
		all.Go(func() {
			ref := current(fmt.Sprint("db", i))
			ref.Region = "eu-north-1"
			_, err := s.Resolve(hangs, source.VersionQuery{Ref: ref})
			busy <- source.KindOf(err)
		})
	}
	for range workers - room {
		if kind := <-busy; kind != source.Busy {
			t.Errorf("one more than the room waited, and got %q", kind)
		}
	}
	if _, err := s.Resolve(t.Context(), source.VersionQuery{Ref: current("db")}); source.KindOf(err) != source.SecretNotFound {
		t.Errorf("the own region: %v", err)
	}
	giveUp()
	all.Wait()
}
