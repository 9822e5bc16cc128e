package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

// many makes n secrets that hold their own names.
func (env *environment) many(t *testing.T, n int) (ids []string) {
	t.Helper()
	for i := range n {
		id := fmt.Sprintf("many/%03d", i)
		env.create(t, &secretsmanager.CreateSecretInput{Name: &id, SecretString: aws.String(valueMarker + id)})
		ids = append(ids, id)
	}
	return ids
}

// fetchAll reads secrets at once, and gives the errors by secret.
func (env *environment) fetchAll(t *testing.T, refs []source.Ref) map[string]error {
	t.Helper()
	var group sync.WaitGroup
	var mutex sync.Mutex
	problems := map[string]error{}
	for _, ref := range refs {
		group.Go(func() {
			got, err := env.source.Fetch(t.Context(), ref, source.Version{})
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
	env := newEnvironment(t)
	ids := env.many(t, 100)
	if problems := env.fetchAll(t, currents(ids)); len(problems) > 0 {
		t.Fatal(problems)
	}
	if batches, alone := env.Count("BatchGetSecretValue"), env.Count("GetSecretValue"); batches == 0 || batches+alone > 60 { // Fewer where the machine is quiet.
		t.Errorf("%d batches and %d single reads for 100 values", batches, alone)
	}
}

func TestASecretOfABatchGoesByAnyOfItsNames(t *testing.T) {
	env := newEnvironment(t)
	var refs []source.Ref
	for i, id := range env.many(t, 9) {
		described, err := env.admin.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &id})
		if err != nil {
			t.Fatal(err)
		}
		arn := aws.ToString(described.ARN)
		refs = append(refs, current([]string{id, arn, arn[:len(arn)-7]}[i%3]))
	}
	env.ResetCalls()
	if problems := env.fetchAll(t, refs); len(problems) > 0 {
		t.Fatal(problems)
	}
	if alone := env.Count("GetSecretValue"); alone > 3 {
		t.Errorf("%d values were read alone", alone)
	}
}

func TestALoneRequestDoesNotWaitForABatch(t *testing.T) {
	env := newEnvironment(t)
	env.many(t, 1)
	if problems := env.fetchAll(t, currents([]string{"many/000"})); len(problems) > 0 {
		t.Fatal(problems)
	}
	if env.Count("GetSecretValue") != 1 || env.Count("BatchGetSecretValue") != 0 {
		t.Errorf("calls: %v", env.operations())
	}
}

func TestOnlyTheCurrentVersionIsReadInBatches(t *testing.T) {
	env := newEnvironment(t)
	ids := env.many(t, 10)
	var refs []source.Ref
	for _, id := range ids {
		env.put(t, id, valueMarker+id)
		refs = append(refs, source.Ref{SecretID: id, VersionStage: "AWSPREVIOUS"})
	}
	if problems := env.fetchAll(t, refs); len(problems) > 0 {
		t.Fatal(problems)
	}
	if env.Count("GetSecretValue") != 10 || env.Count("BatchGetSecretValue") != 0 {
		t.Errorf("calls: %v", env.operations())
	}
}

func TestOneRefusalOfABatchIsExplainedAndTheOthersAreRead(t *testing.T) {
	env := newEnvironment(t)
	ids := env.many(t, 15)
	env.SetRules(localaws.Rule{Deny: true, Principal: testReader, Action: "secretsmanager:GetSecretValue", Resource: "*:secret:many/007-*"})
	problems := env.fetchAll(t, currents(append(ids, "none")))
	if len(problems) != 2 || source.KindOf(problems["many/007"]) != source.AccessDenied || source.KindOf(problems["none"]) != source.SecretNotFound {
		t.Fatalf("problems: %v", problems)
	}
	if !strings.Contains(problems["many/007"].Error(), "secretsmanager:GetSecretValue") {
		t.Errorf("the refusal says %v", problems["many/007"])
	}
}

func TestADeniedBatchIsNotTriedAgainForAWhile(t *testing.T) {
	env := newEnvironment(t)
	ids := env.many(t, 15)
	env.deny("BatchGetSecretValue")
	for range 2 {
		if problems := env.fetchAll(t, currents(ids)); len(problems) > 0 {
			t.Fatal(problems)
		}
	}
	if batches := env.Count("BatchGetSecretValue"); batches < 1 || batches > 3 { // Those that were under way together.
		t.Errorf("a denied BatchGetSecretValue was called %d times", batches)
	}
	env.SetRules()
	env.ResetCalls()
	env.now = env.now.Add(denialLasts)
	if problems := env.fetchAll(t, currents(ids)); len(problems) > 0 || env.Count("BatchGetSecretValue") == 0 {
		t.Errorf("after %s: %v, calls %v", denialLasts, problems, env.operations())
	}
}

func TestOneIDThatAWSDoesNotTakeDoesNotFailABatch(t *testing.T) {
	env := newEnvironment(t)
	ids := env.many(t, 10)
	env.SetFaults(localaws.Fault{Operation: "BatchGetSecretValue", Every: 1, Code: "InvalidParameterException"})
	if problems := env.fetchAll(t, currents(ids)); len(problems) > 0 {
		t.Fatal(problems)
	}
}

func TestAThrottledBatchIsNotMadeWorse(t *testing.T) {
	env := newEnvironment(t)
	ids := env.many(t, 21)
	env.SetFaults(localaws.Fault{Operation: "BatchGetSecretValue", Every: 1, Code: "ThrottlingException"})
	problems := env.fetchAll(t, currents(ids))
	for id, err := range problems {
		if source.KindOf(err) != source.Throttled && source.KindOf(err) != source.Busy {
			t.Errorf("%s: %v", id, err)
		}
	}
	if alone := env.Count("GetSecretValue"); alone > 5 || len(problems) < 16 {
		t.Errorf("%d values were read alone, %d were refused", alone, len(problems))
	}
}

// A caller that gives up does not read what the batch writes meanwhile: the race detector tells.
func TestACallerThatGivesUpLeavesTheBatchAlone(t *testing.T) {
	begun, written := make(chan struct{}), make(chan struct{})
	e := &endpoint{unbatched: newDenialCache(time.Now, denialLasts)}
	e.batches = &batches{read: func(_ context.Context, batch []*valueRequest) {
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

// Each line is when requests come, in milliseconds since one that came alone, and when batches of how many are sent.
func TestABatchIsSentOnceRequestsPauseOrItIsFull(t *testing.T) {
	full := make([]int, batchMost)
	steady := make([]int, 0, 10)
	for at := 10; at <= 220; at += 30 {
		steady = append(steady, at)
	}
	for name, test := range map[string]struct {
		come []int
		want string
		// alone is how many do not wait for a batch.
		alone int
	}{
		"some, and a pause":               {[]int{10, 40, 70}, "3 at 110", 0},
		"requests without a pause":        {steady, "7 at 210, 1 at 260", 0},
		"as many as a batch takes":        {full, "20 at 0", 0},
		"one after a full batch":          {append(slices.Clone(full), 30), "20 at 0, 1 at 70", 0},
		"one just before a lull is over":  {[]int{100}, "1 at 140", 0},
		"one after a lull":                {[]int{101}, "", 1},
		"a lull, and then two at a time":  {[]int{150, 151}, "1 at 191", 1},
		"two batches, with a pause":       {[]int{10, 60}, "1 at 50, 1 at 100", 0},
		"one in the moment a batch ends":  {[]int{10, 20, 59}, "3 at 99", 0},
		"one that comes after its moment": {[]int{10, 20, 61}, "2 at 60, 1 at 101", 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			var mutex sync.Mutex
			var sent []string
			b := &batches{read: func(_ context.Context, batch []*valueRequest) {
				mutex.Lock()
				defer mutex.Unlock()
				sent = append(sent, fmt.Sprintf("%d at %d", len(batch), time.Since(began).Milliseconds()))
			}}
			if b.join(t.Context(), current("first")) != nil {
				t.Errorf("%s: the first one waits for others", name)
			}
			alone := 0
			for _, at := range test.come {
				time.Sleep(time.Duration(at)*time.Millisecond - time.Since(began))
				if b.join(t.Context(), current("next")) == nil {
					alone++
				}
				synctest.Wait()
			}
			time.Sleep(time.Second)
			b.close() // As by a timer that was stopped too late: there is nothing to send.
			synctest.Wait()
			if got := strings.Join(sent, ", "); got != test.want || alone != test.alone {
				t.Errorf("%s: sent %s, want %s; %d came alone", name, got, test.want, alone)
			}
		})
	}
}

// A batch is for all whose requests are in it: that the first of them gives up does not end it.
func TestABatchOutlivesWhoBeganIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended error
		b := &batches{last: time.Now(), read: func(ctx context.Context, _ []*valueRequest) { ended = ctx.Err() }}
		impatient, cancel := context.WithCancel(t.Context())
		b.join(impatient, current("one"))
		b.join(t.Context(), current("two"))
		cancel()
		time.Sleep(time.Second)
		synctest.Wait()
		if ended != nil {
			t.Errorf("the batch is read with %v", ended)
		}
	})
}

// batched has AWS answer a batch of requests, and gives them.
func (p *scriptedAWS) batched(ids ...string) (all []*valueRequest) {
	p.Helper()
	for _, id := range ids {
		all = append(all, &valueRequest{ctx: p.Context(), ref: current(id), done: make(chan struct{})})
	}
	p.source.tenants.endpoint(endpointKey{region: localaws.DefaultRegion}).readBatch(p.Context(), all)
	for _, r := range all {
		<-r.done
	}
	return all
}

// Each line is what AWS answers to a batch, and what its requests get: a refusal that is theirs too, or to be read alone.
func TestWhatARefusedBatchLeavesToDo(t *testing.T) {
	refused := func(code string) string { return `{"__type":"` + code + `","Message":"no"}` }
	roleDenied := &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole", Err: &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"}}
	for name, test := range map[string]struct {
		answer string
		kind   source.Kind
		// credentials is why there are none.
		credentials error
		alone       bool
		// denied says that no batch is tried for a while.
		denied bool
	}{
		"denied":                     {refused("AccessDeniedException"), "", nil, true, true},
		"throttled":                  {refused("ThrottlingException"), source.Throttled, nil, false, false},
		"keys that AWS refuses":      {refused("UnrecognizedClientException"), source.CredentialsUnavailable, nil, false, false},
		"a role that is denied":      {"", source.AssumeRoleDenied, roleDenied, false, false},
		"an id that AWS can't read":  {refused("InvalidParameterException"), "", nil, true, false},
		"an error of the service":    {refused("InternalServiceError"), "", nil, true, false},
		"an answer that is not AWSs": {"<html>", "", nil, true, false},
		"an answer without values":   {"{}", "", nil, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newScripted(t)
			if test.credentials != nil {
				p = newScriptedWithout(t, test.credentials)
			}
			p.answers[batchGetSecretValue] = test.answer
			for _, r := range p.batched("one", "two") {
				if source.KindOf(r.err) != test.kind || r.alone != test.alone || (r.err == nil) != (test.kind == "") {
					t.Errorf("read alone: %v, %v", r.alone, r.err)
				}
			}
			if got := ownEndpoint(p.source).unbatched.recall(batchGetSecretValue); got != test.denied {
				t.Errorf("batches are given up: %v", got)
			}
		})
	}
}

// A call that waits too long for its turn is put off, as a throttled one is: reading each value alone would make it worse.
func TestABatchThatIsPutOffIsNotReadOneByOne(t *testing.T) {
	p := newScripted(t)
	e := p.source.tenants.endpoint(endpointKey{region: localaws.DefaultRegion})
	e.paces[batchGetSecretValue].Learn(true)
	takeTurns(t, e.paces[batchGetSecretValue], 10)
	for _, r := range p.batched("one", "two") {
		if source.KindOf(r.err) != source.Busy || r.alone {
			t.Errorf("read alone: %v, %v", r.alone, r.err)
		}
	}
}

// A value of a batch says all that GetSecretValue would say of it, by each of the names that it is asked for with.
func TestAValueOfABatchIsWhatItWouldBeAlone(t *testing.T) {
	p := newScripted(t)
	p.gives("v1", 3)
	p.answers[batchGetSecretValue] = `{"SecretValues":[{"ARN":"arn:other-a1B2c3","Name":"other","VersionId":"v0"},` + p.answers[getSecretValue] + `]}`
	e := p.source.tenants.endpoint(endpointKey{region: localaws.DefaultRegion})
	alone, err := e.readAlone(t.Context(), current(scriptedID))
	if err != nil || alone.Version.Created != date(3) || len(alone.Version.Stages) != 1 {
		t.Fatal(alone.Version, err)
	}
	for _, r := range p.batched(scriptedID, benchARN, arns.Partial(benchARN), "missing", "", benchARN[:len(benchARN)-1]) {
		wanted := strings.Contains(r.ref.SecretID, scriptedID) && len(r.ref.SecretID) != len(benchARN)-1
		if r.err != nil || r.alone == wanted {
			t.Errorf("%q: to be read alone: %v, %v", r.ref.SecretID, r.alone, r.err)
		}
		if diff := cmp.Diff(alone.Version, r.fetched.Version); wanted && diff != "" {
			t.Errorf("%q: version differs (-alone +batch):\n%s", r.ref.SecretID, diff)
		}
	}
}

func TestABatchIsCountedForItsRegion(t *testing.T) {
	env := newEnvironment(t)
	ids := env.many(t, 2)
	batch := []*valueRequest{}
	for _, id := range ids {
		batch = append(batch, &valueRequest{ctx: t.Context(), ref: current(id), done: make(chan struct{})})
	}
	env.source.tenants.endpoint(endpointKey{region: localaws.DefaultRegion}).readBatch(t.Context(), batch)
	if got := env.counted(t, batchGetSecretValue, "ok", localaws.DefaultRegion); got != 1 || batch[1].err != nil {
		t.Errorf("%v batches are counted, %v", got, batch[1].err)
	}
}
