package aws

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/source"
)

// patient is the question of a poll that comes every ten minutes.
func patient(id string, synced source.Version) source.VersionQuery {
	return source.VersionQuery{Ref: current(id), MaxAge: time.Minute, Synced: synced}
}

// polled is an environment of secrets that are in sync.
type polled struct {
	*environment
	ids    []string
	synced map[string]source.Version
}

func newPolled(t *testing.T, n int) *polled {
	t.Helper()
	p := &polled{environment: newEnvironment(t), synced: map[string]source.Version{}}
	p.ids = p.many(t, n)
	for _, id := range p.ids {
		p.synced[id] = p.observed(t, current(id))
	}
	p.poll(t) // Sweeps begin when there is enough to look for.
	p.later()
	return p
}

// later lets what is known grow old.
func (p *polled) later() {
	p.now = p.now.Add(time.Hour)
	p.ResetCalls()
}

// poll asks about all secrets, and gives those that are not as they were synced.
func (p *polled) poll(t *testing.T) (changed []string) {
	t.Helper()
	for _, id := range p.ids {
		seen, err := p.source.Resolve(t.Context(), patient(id, p.synced[id]))
		if err != nil || seen.Version.ID != p.synced[id].ID {
			changed = append(changed, id)
		}
	}
	return changed
}

func TestManyPatientPollsShareASweep(t *testing.T) {
	p := newPolled(t, 250)
	if changed := p.poll(t); len(changed) > 0 {
		t.Errorf("changed: %v", changed)
	}
	if p.Count("ListSecrets") != 3 || p.Count("") != 3 {
		t.Errorf("%d ListSecrets, %d calls in all, want 3 pages for 250 secrets", p.Count("ListSecrets"), p.Count(""))
	}
	p.ResetCalls()
	p.poll(t)
	if p.Count("") != 0 {
		t.Errorf("%d calls while the sweep is new", p.Count(""))
	}
}

// What a sweep finds new is told at once, for the read to confirm; what it finds wrong, DescribeSecret does.
func TestWhatASweepFindsChangedIsTold(t *testing.T) {
	p := newPolled(t, 30)
	p.put(t, p.ids[3], "new")
	if _, err := p.admin.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &p.ids[4]}); err != nil {
		t.Fatal(err)
	}
	p.ResetCalls()
	changed := p.poll(t)
	if len(changed) != 2 || changed[0] != p.ids[3] || changed[1] != p.ids[4] {
		t.Errorf("changed: %v", changed)
	}
	if p.Count("ListSecrets") != 1 || p.Count("DescribeSecret") != 1 {
		t.Errorf("%d ListSecrets, %d DescribeSecret", p.Count("ListSecrets"), p.Count("DescribeSecret"))
	}
	if _, err := p.source.Resolve(t.Context(), patient(p.ids[4], p.synced[p.ids[4]])); source.KindOf(err) != source.SecretPendingDeletion {
		t.Errorf("of the deleted one it says %v", err)
	}
}

// A listing lags behind what a refresh has found: that is no news, and must not take anything back.
func TestAListingIsNoNewsOnceAWSItselfHasBeenAsked(t *testing.T) {
	p := newPolled(t, 30)
	id := p.ids[3]
	first := p.synced[id]
	p.put(t, id, "new")
	if changed := p.poll(t); len(changed) != 1 {
		t.Fatalf("changed: %v", changed)
	}
	_, err := p.admin.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{SecretId: &id, VersionStage: aws.String(stageCurrent),
		MoveToVersionId: &first.ID, RemoveFromVersionId: aws.String(p.observed(t, current(id)).ID)})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.observed(t, current(id)); got.ID != first.ID {
		t.Fatal("the rollback is not seen")
	}
	if changed := p.poll(t); len(changed) != 0 {
		t.Error("the listing from before the rollback counts as news")
	}
	// A listing that has not caught up with what a refresh has synced is no news either.
	p.later()
	p.synced[id] = source.Version{ARN: first.ARN, ID: "newer-than-the-listing"}
	p.ResetCalls()
	p.poll(t)
	if got := p.Count("DescribeSecret"); got != 1 {
		t.Errorf("%d DescribeSecret, want one for the listing that lags", got)
	}
}

func TestImpatientPollsDoNotSweep(t *testing.T) {
	p := newPolled(t, 30)
	for _, id := range p.ids {
		query := patient(id, p.synced[id])
		query.MaxAge = 10 * time.Second
		if _, err := p.source.Resolve(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	if p.Count("ListSecrets") != 0 || p.Count("DescribeSecret") != 30 {
		t.Errorf("calls: %v", p.operations())
	}
}

func TestADeniedSweepIsNotTriedAgainForAWhile(t *testing.T) {
	p := newPolled(t, 30)
	p.deny("ListSecrets")
	for range 2 {
		if changed := p.poll(t); len(changed) > 0 {
			t.Errorf("changed: %v", changed)
		}
		p.now = p.now.Add(10 * time.Minute)
	}
	if p.Count("ListSecrets") != 1 || p.Count("DescribeSecret") != 60 {
		t.Errorf("%d ListSecrets, %d DescribeSecret", p.Count("ListSecrets"), p.Count("DescribeSecret"))
	}
	p.SetRules()
	p.later()
	p.poll(t)
	if p.Count("ListSecrets") != 1 || p.Count("DescribeSecret") != 0 {
		t.Errorf("once allowed: %d ListSecrets, %d DescribeSecret", p.Count("ListSecrets"), p.Count("DescribeSecret"))
	}
}

func TestASweepOfTooManySecretsIsGivenUp(t *testing.T) {
	p := newPolled(t, sweepLeast)
	for i := range sweepLeast/2*sweepPage + 1 {
		name := fmt.Sprintf("other/%d", i)
		if _, err := p.admin.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String(name), SecretString: aws.String("x")}); err != nil {
			t.Fatal(err)
		}
	}
	p.ResetCalls()
	for range 2 {
		if changed := p.poll(t); len(changed) > 0 {
			t.Errorf("changed: %v", changed)
		}
		p.now = p.now.Add(10 * time.Minute)
	}
	if lists := p.Count("ListSecrets"); lists != sweepLeast/2 {
		t.Errorf("%d ListSecrets, want %d and then none", lists, sweepLeast/2)
	}
}

// After a start nothing is known of any secret; the first sweep serves those too that are polled after it.
func TestAStartTakesOneSweep(t *testing.T) {
	p := &polled{environment: newEnvironment(t), synced: map[string]source.Version{}}
	p.ids = p.many(t, 250)
	for _, id := range p.ids {
		p.synced[id] = p.observed(t, current(id))
	}
	p.later()
	if changed := p.poll(t); len(changed) > 0 {
		t.Errorf("changed: %v", changed)
	}
	if p.Count("ListSecrets") != 3 || p.Count("DescribeSecret") != sweepLeast-1 {
		t.Errorf("%d ListSecrets, %d DescribeSecret", p.Count("ListSecrets"), p.Count("DescribeSecret"))
	}
	if sweeps := ownEndpoint(p.source).sweeps; len(sweeps.found) != 250 {
		t.Errorf("%d secrets are looked for", len(sweeps.found))
	}
}

// The first sweep of a start may be given up because few secrets have been polled by then.
func TestASweepIsTriedAgainOnceMoreSecretsArePolled(t *testing.T) {
	p := &polled{environment: newEnvironment(t), synced: map[string]source.Version{}}
	p.ids = p.many(t, sweepLeast/2*sweepPage+1)
	poll := func(ids []string) {
		for _, id := range ids {
			if _, err := p.source.Resolve(t.Context(), patient(id, source.Version{ARN: "arn", ID: "1"})); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.ResetCalls()
	poll(p.ids[:2*sweepLeast-1])
	if lists := p.Count("ListSecrets"); lists != sweepLeast/2 {
		t.Errorf("%d ListSecrets for so few", lists)
	}
	p.ResetCalls()
	poll(p.ids[2*sweepLeast-1:])
	if lists := p.Count("ListSecrets"); lists != sweepLeast/2+1 {
		t.Errorf("%d ListSecrets for all", lists)
	}
}
