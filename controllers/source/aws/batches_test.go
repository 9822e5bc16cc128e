package aws

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

// many makes n secrets that hold their own names.
func (w *world) many(t *testing.T, n int) (ids []string) {
	t.Helper()
	for i := range n {
		id := fmt.Sprintf("many/%03d", i)
		w.create(t, &secretsmanager.CreateSecretInput{Name: &id, SecretString: aws.String(valueMarker + id)})
		ids = append(ids, id)
	}
	return ids
}

// fetchAll reads secrets at once, and gives the errors by secret.
func (w *world) fetchAll(t *testing.T, refs []source.Ref) map[string]error {
	t.Helper()
	var group sync.WaitGroup
	var mutex sync.Mutex
	problems := map[string]error{}
	for _, ref := range refs {
		group.Go(func() {
			got, err := w.source.Fetch(t.Context(), ref, source.Version{})
			mutex.Lock()
			defer mutex.Unlock()
			if err != nil {
				problems[ref.SecretID] = err
			} else if text := string(got.Value.Bytes()); !strings.HasPrefix(text, valueMarker) || !strings.Contains(ref.SecretID, strings.TrimPrefix(text, valueMarker)) {
				t.Errorf("%s got another secret's value", ref.SecretID)
			} else if got.Version.ID == "" || !strings.HasPrefix(got.Version.ARN, "arn:") || got.Version.Region != localaws.DefaultRegion {
				t.Errorf("%s got version %+v", ref.SecretID, got.Version)
			}
		})
	}
	group.Wait()
	return problems
}

func currents(ids []string) (refs []source.Ref) {
	for _, id := range ids {
		refs = append(refs, current(id))
	}
	return refs
}

func TestValuesThatAreWantedAtOnceAreReadTogether(t *testing.T) {
	w := newWorld(t)
	ids := w.many(t, 100)
	if problems := w.fetchAll(t, currents(ids)); len(problems) > 0 {
		t.Fatal(problems)
	}
	if batches, alone := w.Count("BatchGetSecretValue"), w.Count("GetSecretValue"); batches == 0 || batches+alone > 60 { // Fewer where the machine is quiet.
		t.Errorf("%d batches and %d single reads for 100 values", batches, alone)
	}
}

func TestASecretOfABatchGoesByAnyOfItsNames(t *testing.T) {
	w := newWorld(t)
	var refs []source.Ref
	for i, id := range w.many(t, 9) {
		described, err := w.admin.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &id})
		if err != nil {
			t.Fatal(err)
		}
		arn := aws.ToString(described.ARN)
		refs = append(refs, current([]string{id, arn, arn[:len(arn)-7]}[i%3]))
	}
	w.ResetCalls()
	if problems := w.fetchAll(t, refs); len(problems) > 0 {
		t.Fatal(problems)
	}
	if alone := w.Count("GetSecretValue"); alone > 3 {
		t.Errorf("%d values were read alone", alone)
	}
}

func TestALoneRequestDoesNotWaitForABatch(t *testing.T) {
	w := newWorld(t)
	w.many(t, 1)
	if problems := w.fetchAll(t, currents([]string{"many/000"})); len(problems) > 0 {
		t.Fatal(problems)
	}
	if w.Count("GetSecretValue") != 1 || w.Count("BatchGetSecretValue") != 0 {
		t.Errorf("calls: %v", w.operations())
	}
}

func TestOnlyTheCurrentVersionIsReadInBatches(t *testing.T) {
	w := newWorld(t)
	ids := w.many(t, 10)
	var refs []source.Ref
	for _, id := range ids {
		w.put(t, id, valueMarker+id)
		refs = append(refs, source.Ref{SecretID: id, VersionStage: "AWSPREVIOUS"})
	}
	if problems := w.fetchAll(t, refs); len(problems) > 0 {
		t.Fatal(problems)
	}
	if w.Count("GetSecretValue") != 10 || w.Count("BatchGetSecretValue") != 0 {
		t.Errorf("calls: %v", w.operations())
	}
}

func TestOneRefusalOfABatchIsExplainedAndTheOthersAreRead(t *testing.T) {
	w := newWorld(t)
	ids := w.many(t, 15)
	w.SetRules(localaws.Rule{Deny: true, Principal: testReader, Action: "secretsmanager:GetSecretValue", Resource: "*:secret:many/007-*"})
	problems := w.fetchAll(t, currents(append(ids, "none")))
	if len(problems) != 2 || source.KindOf(problems["many/007"]) != source.AccessDenied || source.KindOf(problems["none"]) != source.SecretNotFound {
		t.Fatalf("problems: %v", problems)
	}
	if !strings.Contains(problems["many/007"].Error(), "secretsmanager:GetSecretValue") {
		t.Errorf("the refusal says %v", problems["many/007"])
	}
}

func TestADeniedBatchIsNotTriedAgainForAWhile(t *testing.T) {
	w := newWorld(t)
	ids := w.many(t, 15)
	w.deny("BatchGetSecretValue")
	for range 2 {
		if problems := w.fetchAll(t, currents(ids)); len(problems) > 0 {
			t.Fatal(problems)
		}
	}
	if batches := w.Count("BatchGetSecretValue"); batches < 1 || batches > 3 { // Those that were under way together.
		t.Errorf("a denied BatchGetSecretValue was called %d times", batches)
	}
	w.SetRules()
	w.ResetCalls()
	w.now = w.now.Add(denialLasts)
	if problems := w.fetchAll(t, currents(ids)); len(problems) > 0 || w.Count("BatchGetSecretValue") == 0 {
		t.Errorf("after %s: %v, calls %v", denialLasts, problems, w.operations())
	}
}

func TestOneIDThatAWSDoesNotTakeDoesNotFailABatch(t *testing.T) {
	w := newWorld(t)
	ids := w.many(t, 10)
	w.SetFaults(localaws.Fault{Operation: "BatchGetSecretValue", Every: 1, Code: "InvalidParameterException"})
	if problems := w.fetchAll(t, currents(ids)); len(problems) > 0 {
		t.Fatal(problems)
	}
}

func TestAThrottledBatchIsNotMadeWorse(t *testing.T) {
	w := newWorld(t)
	ids := w.many(t, 21)
	w.SetFaults(localaws.Fault{Operation: "BatchGetSecretValue", Every: 1, Code: "ThrottlingException"})
	problems := w.fetchAll(t, currents(ids))
	for id, err := range problems {
		if source.KindOf(err) != source.Throttled && source.KindOf(err) != source.Busy {
			t.Errorf("%s: %v", id, err)
		}
	}
	if alone := w.Count("GetSecretValue"); alone > 5 || len(problems) < 16 {
		t.Errorf("%d values were read alone, %d were refused", alone, len(problems))
	}
}

// A caller that gives up does not read what the batch writes meanwhile: the race detector tells.
func TestACallerThatGivesUpLeavesTheBatchAlone(t *testing.T) {
	begun, written := make(chan struct{}), make(chan struct{})
	e := &endpoint{unbatched: newMemory(time.Now, denialLasts)}
	e.batches = &batches{read: func(_ context.Context, batch []*request) {
		close(begun)
		for _, r := range batch {
			r.fetched, r.alone = source.Fetched{Value: source.TextValue("late")}, true
			close(r.done)
		}
		close(written)
	}}
	e.batches.last = time.Now() // So that the request is not taken for a lone one.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if fetched, err := e.read(ctx, current("db")); !errors.Is(err, context.Canceled) || len(fetched.Value.Bytes()) > 0 {
		t.Errorf("read %d bytes, %v", len(fetched.Value.Bytes()), err)
	}
	<-begun
	<-written
}
