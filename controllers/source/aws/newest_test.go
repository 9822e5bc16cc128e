package aws

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/sharing"
)

// What is known of a secret by its ARN counts for who asks by its name, in whatever order they come.
func TestTheNewestIsKnownByNameAndByARN(t *testing.T) {
	byARN := source.VersionQuery{Ref: source.Ref{SecretID: benchARN}}
	p := newScripted(t)
	p.says(2, "AWSCURRENT=v2")
	p.want("by its ARN", "v2", false, byARN)
	p.says(1, "AWSCURRENT=v1")
	p.want("an older answer by its name", "v2", true, source.VersionQuery{})

	p = newScripted(t)
	says := func(second float64, version string) {
		p.says(second, "AWSCURRENT="+version)
	}
	says(1, "old")
	p.answers[describeSecret] = strings.Replace(p.answers[describeSecret], "-a1B2c3", "-z9Y8x7", 1)
	p.want("the predecessor by its name", "old", false, source.VersionQuery{})
	says(3, "v3")
	p.want("the successor by its ARN", "v3", false, byARN)
	says(2, "v2")
	p.want("an older answer about the successor by its name", "v3", true, source.VersionQuery{})
}

// That older answers alone came is counted from the last one that was not older.
func TestTheNewestOnceMoreBeginsTheWaitAgain(t *testing.T) {
	p := newScripted(t)
	p.says(2, "AWSCURRENT=v2")
	p.want("at first", "v2", false, source.VersionQuery{})
	p.says(1, "AWSCURRENT=v1")
	p.want("an older answer", "v2", true, source.VersionQuery{})
	p.says(2, "AWSCURRENT=v2")
	p.want("the newest once more", "v2", false, source.VersionQuery{})
	p.now = p.now.Add(olderLasts - time.Second)
	p.says(1, "AWSCURRENT=v1")
	p.want("an older answer again", "v2", true, source.VersionQuery{})
	p.now = p.now.Add(2 * time.Second)
	p.want("an older answer, not for long", "v2", true, source.VersionQuery{})
}

// An answer that is newer than the one before, and older than status still, begins the wait again as well.
func TestANewerAnswerThatIsOlderThanStatusBeginsTheWaitAgain(t *testing.T) {
	p := newScripted(t)
	known := source.VersionQuery{Synced: synced()}
	known.Synced.Changed = date(5)
	p.says(1, "AWSCURRENT=v1")
	p.want("an older answer", "v2", true, known)
	p.now = p.now.Add(olderLasts - time.Second)
	p.says(3, "AWSCURRENT=v1") // Newer than the version that is synced, older than the secret's state then.
	p.want("a newer one", "v2", true, known)
	p.now = p.now.Add(olderLasts - time.Second)
	p.want("the same, not for long", "v2", true, known)
	p.now = p.now.Add(time.Second)
	p.want("the same, for long", "v1", false, known)
}

// Where AWS gives no date nothing is older.
func TestWithoutADateAnAnswerIsFollowed(t *testing.T) {
	p := newScripted(t)
	p.says(2, "AWSCURRENT=v2")
	p.want("at first", "v2", false, source.VersionQuery{})
	p.answers[describeSecret] = `{"ARN":"` + benchARN + `","VersionIdsToStages":{"v1":["AWSCURRENT"]}}`
	p.want("an answer without a date", "v1", false, source.VersionQuery{})
}

// What was asked about is kept for a while when newer questions take its place, counted once, and given back.
func TestWhatIsNewestIsCountedAndGivenBack(t *testing.T) {
	n := newNewest(time.Now)
	n.share = sharing.NewAllowance(2*maxNewest, 2*maxNewest).NewShare()
	for i := range maxNewest / 2 {
		n.keep(strconv.Itoa(i), &newestEntry{described: described{arn: strconv.Itoa(i)}})
	}
	n.keep("7", &newestEntry{described: described{arn: "successor"}})
	if len(n.recent) != maxNewest/2 || n.share.Taken() != maxNewest/2 {
		t.Errorf("%d are kept and count as %d", len(n.recent), n.share.Taken())
	}
	n.keep("one more", &newestEntry{})
	if len(n.recent) != 1 || len(n.former) != maxNewest/2 {
		t.Errorf("%d and %d are kept", len(n.recent), len(n.former))
	}
	if latest, known := n.of("7"); !known || latest.arn != "successor" {
		t.Error("what was asked about a while ago is forgotten")
	}
	n.clear()
	n.follow("late", described{arn: "late"})
	if _, known := n.of("late"); known || n.share.Taken() != 0 {
		t.Errorf("of an endpoint that was let go of %d are kept", n.share.Taken())
	}
}

// A namespace that keeps as much as it may has nothing to count the wait from: it goes on waiting.
func TestWithoutRoomAnOlderAnswerIsNotReached(t *testing.T) {
	n := newNewest(time.Now)
	n.share = sharing.NewAllowance(0, 0).NewShare()
	latest, behind := n.follow("db", described{arn: "db", region: "eu-west-1", changed: date(1)})
	if behind || n.reached(latest, source.Version{Region: "eu-west-1", Changed: date(2)}) {
		t.Error("an answer that is older than status counts as new")
	}
}
