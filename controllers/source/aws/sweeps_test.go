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
func patient(id string, synced source.Version) source.Question {
	return source.Question{Ref: current(id), MaxAge: time.Minute, Synced: synced}
}

// polled is a world of secrets that are in sync.
type polled struct {
	*world
	ids    []string
	synced map[string]source.Version
}

func newPolled(t *testing.T, n int) *polled {
	t.Helper()
	p := &polled{world: newWorld(t), synced: map[string]source.Version{}}
	p.ids = p.many(t, n)
	for _, id := range p.ids {
		p.synced[id] = p.observed(t, current(id))
	}
	p.poll(t) // Sweeps begin when there is enough to look for.
	p.later(time.Hour)
	return p
}

func (p *polled) later(d time.Duration) {
	p.now = p.now.Add(d)
	p.ResetCalls()
}

// poll asks about all secrets, and gives those that are not as they were synced.
func (p *polled) poll(t *testing.T) (changed []string) {
	t.Helper()
	for _, id := range p.ids {
		seen, err := p.source.Observe(t.Context(), patient(id, p.synced[id]))
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

func TestWhatASweepFindsChangedIsConfirmed(t *testing.T) {
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
	if p.Count("ListSecrets") != 1 || p.Count("DescribeSecret") != 2 {
		t.Errorf("%d ListSecrets, %d DescribeSecret", p.Count("ListSecrets"), p.Count("DescribeSecret"))
	}
	if _, err := p.source.Observe(t.Context(), patient(p.ids[4], p.synced[p.ids[4]])); source.KindOf(err) != source.SecretPendingDeletion {
		t.Errorf("of the deleted one it says %v", err)
	}
}

func TestImpatientPollsDoNotSweep(t *testing.T) {
	p := newPolled(t, 30)
	for _, id := range p.ids {
		question := patient(id, p.synced[id])
		question.MaxAge = 10 * time.Second
		if _, err := p.source.Observe(t.Context(), question); err != nil {
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
	p.later(sweepsRest)
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
