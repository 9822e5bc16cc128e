package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// patience is how long the operator may take to settle. The machine may be slow and busy. The time includes the
// operator's rate limits and backoff, and Kubernetes' garbage collector, which discovers new kinds every 30 seconds.
const patience = 90 * time.Second

// snapshot are the SecretSyncs and Secrets at one time.
type snapshot struct {
	syncs   map[client.ObjectKey]*v1alpha1.SecretSync
	secrets map[place]*corev1.Secret
}

func (r *run) look() snapshot {
	r.Helper()
	seen := snapshot{syncs: map[client.ObjectKey]*v1alpha1.SecretSync{}, secrets: map[place]*corev1.Secret{}}
	for _, namespace := range r.namespaces {
		var syncs v1alpha1.SecretSyncList
		r.must(r.env.Client.List(r.Context(), &syncs, client.InNamespace(namespace)))
		for i := range syncs.Items {
			seen.syncs[client.ObjectKeyFromObject(&syncs.Items[i])] = &syncs.Items[i]
		}
		var secrets corev1.SecretList
		r.must(r.env.Client.List(r.Context(), &secrets, client.InNamespace(namespace)))
		for i := range secrets.Items {
			seen.secrets[place{namespace, secrets.Items[i].Name}] = &secrets.Items[i]
		}
	}
	return seen
}

// settle ends faults that are not the operator's, waits until everything is as the model wants it, and judges what was
// seen meanwhile.
func (r *run) settle() {
	r.Helper()
	r.note("settle")
	r.heal()
	r.allowAll()
	r.restoreQueue()
	r.deliverWell()
	if r.chance(35) {
		r.freshen() // Otherwise reads become fresh by themselves, as nothing changes any more.
	}
	r.comeBack()
	r.checkModel()
	refreshed, began := map[*slot]bool{}, time.Now()
	problems := await(r.Context(), func() []string {
		seen := r.look()
		r.endTruces(seen, refreshed)
		r.askFollowers(seen, refreshed)
		return slices.Concat(r.differences(seen), r.unseen(seen), r.unfollowed(), r.lagging())
	})
	r.freshen() // After settling there are no former states.
	r.judge()
	for _, problem := range problems {
		r.Error(problem)
	}
	if r.Failed() {
		r.quote(problems)
		r.FailNow()
	}
	r.checkRaces(r.manager)
	seen := r.look()
	r.tally(seen, time.Since(began))
	r.begin(seen)
}

// quote shows the last log lines about the SecretSyncs that problems name.
func (r *run) quote(problems []string) {
	const most = 30
	log, err := r.manager.Log()
	if err != nil {
		r.Log(err)
		return
	}
	lines := strings.Split(string(log), "\n")
	for _, of := range r.slots {
		if !slices.ContainsFunc(problems, func(problem string) bool { return strings.Contains(problem, of.String()+":") }) {
			continue
		}
		about := fmt.Sprintf(`"namespace":%q,"name":%q`, of.namespace, of.name)
		var said []string
		for _, line := range lines {
			if strings.Contains(line, about) {
				said = append(said, line)
			}
		}
		r.Logf("the operator has said of %s:\n%s", of, strings.Join(said[max(0, len(said)-most):], "\n"))
	}
}

// tally logs how often things happened in the run, as a run in which nothing happens proves nothing.
func (r *run) tally(seen snapshot, took time.Duration) {
	r.Helper()
	verdicts := map[string]int{}
	for _, of := range r.slots {
		if of.exists {
			verdicts[r.verdictOf(of, seen).reason]++
		} else {
			verdicts["deleted"]++
		}
	}
	r.Logf("after %d steps all settled within %s; SecretSyncs: %v; refreshes of SecretSyncs that follow events: %d; stale reads: %d; states of Secrets seen: %d, %d of them by a foreign hand; starts of the operator: %d",
		len(r.steps), took.Round(time.Millisecond), verdicts, r.changeEvents.asked, r.env.AWS.StaleReads(), r.seen.judged, len(r.foreign.writes), r.starts)
}

// staySettled checks that nothing changes while the operator keeps polling.
func (r *run) staySettled() {
	r.Helper()
	time.Sleep(3 * time.Second) // Nothing may change during this time.
	r.judge()
	for _, problem := range r.differences(r.look()) {
		r.Error("it did not last: " + problem)
	}
}

// checkModel compares the model of AWS with the local AWS: an error in the model would be reported as the operator's.
func (r *run) checkModel() {
	r.Helper()
	for _, of := range r.secrets {
		if of.is == gone {
			r.awaitDeleted(of)
			continue
		}
		described, err := r.aws.DescribeSecret(r.Context(), &secretsmanager.DescribeSecretInput{SecretId: &of.name})
		r.must(err)
		labels := map[string]string{}
		for id, stages := range described.VersionIdsToStages {
			for _, stage := range stages {
				labels[stage] = id
			}
		}
		want := map[string]string{}
		for label, v := range of.labels {
			want[label] = v.id
		}
		if diff := cmp.Diff(want, labels); diff != "" {
			r.Fatalf("%s has other labels in the model (-model +AWS):\n%s", of.name, diff)
		}
		if *described.ARN != of.arn {
			r.Fatalf("%s has the ARN %s in the model, and %s in AWS", of.name, of.arn, *described.ARN)
		}
		if (of.is == marked) != (described.DeletedDate != nil) {
			r.Fatalf("%s is marked for deletion in the model: %t, in AWS: %v", of.name, of.is == marked, described.DeletedDate)
		}
	}
}

// awaitDeleted waits for the end of a forced deletion, which the service does in the background.
func (r *run) awaitDeleted(of *awsSecret) {
	r.Helper()
	for _, problem := range await(r.Context(), func() []string {
		if _, err := r.aws.DescribeSecret(r.Context(), &secretsmanager.DescribeSecretInput{SecretId: &of.name}); err == nil {
			return []string{fmt.Sprintf("the model has %s gone", of.name)}
		}
		return nil
	}) {
		r.Fatal(problem)
	}
}

// endTruces requests a refresh of SecretSyncs for which the operator has postponed repairs because of the foreign hand.
// The condition's message tells users to do so once the other writer is stopped.
func (r *run) endTruces(seen snapshot, refreshed map[*slot]bool) {
	r.Helper()
	for _, of := range r.slots {
		secretSync := seen.syncs[of.key()]
		if secretSync == nil || !of.exists || refreshed[of] {
			continue
		}
		if trouble := meta.FindStatusCondition(secretSync.Status.Conditions, v1alpha1.ConditionReconciling); trouble != nil && trouble.Reason == v1alpha1.ReasonTargetConflict {
			r.note("%s puts repairs off: ask it for a refresh", of)
			r.askRefresh(of)
			refreshed[of] = true
		}
	}
}

// unseen are the Secrets whose last state the watch has not seen yet.
func (r *run) unseen(seen snapshot) (problems []string) {
	r.seen.mutex.Lock()
	defer r.seen.mutex.Unlock()
	last := map[place]string{}
	for at, sighted := range r.seen.last {
		last[at] = sighted.version
	}
	for _, sighted := range r.seen.events {
		last[sighted.at] = sighted.version
		if sighted.gone {
			delete(last, sighted.at)
		}
	}
	now := map[place]string{}
	for at, secret := range seen.secrets {
		now[at] = secret.ResourceVersion
	}
	if !maps.Equal(now, last) {
		return []string{"the watch lags behind the Secrets"}
	}
	return nil
}

// differences are the differences between the cluster and the model.
func (r *run) differences(seen snapshot) (problems []string) {
	for _, of := range r.slots {
		problems = append(problems, r.differencesOf(of, seen)...)
	}
	for at, secret := range seen.secrets {
		if len(r.writersOf(at)) == 0 {
			problems = append(problems, fmt.Sprintf("Secret %s belongs to no SecretSync", client.ObjectKeyFromObject(secret)))
		}
	}
	return problems
}

// verdict is what the model wants of a SecretSync: in sync with versions and keys, or not in sync for a reason.
type verdict struct {
	outcome
	// keeps says that former values are kept; observed that nothing is written, and status has what would be.
	keeps, observed bool
}

func (v *verdict) inSync() bool { return v.reason == v1alpha1.ReasonSynced }

func (r *run) verdictOf(of *slot, seen snapshot) verdict {
	now, status := r.now(), v1alpha1.SecretSyncStatus{}
	if secretSync := seen.syncs[of.key()]; secretSync != nil {
		status = secretSync.Status
	}
	// Whether an entry was ever synced depends on timing, so the status decides.
	led := of.spec.wants(now, func(e *specEntry) bool {
		return slices.ContainsFunc(status.Sources, func(s v1alpha1.SourceStatus) bool {
			return s.SecretID == e.id && s.VersionStage == e.label && s.VersionID != ""
		})
	})
	if refusedAsSlip(of, seen.syncs[of.key()], led) {
		led.reason = v1alpha1.ReasonValueRejected
	}
	says := verdict{outcome: led}
	switch {
	case of.spec.suspended:
		says.reason, says.or = v1alpha1.ReasonSuspended, ""
	case led.reason != "":
	case of.merge && seen.secrets[place{of.namespace, sharedName}] == nil:
		says.reason = v1alpha1.ReasonTargetNotFound
	case of.spec.observes:
		says.observed, says.reason = true, v1alpha1.ReasonWouldChange
		secret := seen.secrets[place{of.namespace, of.spec.target}]
		if secret != nil && contains(keysOf(secret), led.keys) {
			says.reason = v1alpha1.ReasonObserved
		}
	default:
		says.reason = v1alpha1.ReasonSynced
		// Whether the operator has seen a rotation does too.
		if says.keeps = of.spec.keepsFormer() && status.PreviousUntil != nil; says.keeps {
			says.keys = of.spec.withFormer(led.keys, now)
			says.versions = append(says.versions, now[of.spec.from].labels[previous])
		}
	}
	return says
}

// refusedAsSlip says whether the result of a spec is refused because of what the Secret holds. The loss of an object is
// refused before templates are rendered.
func refusedAsSlip(of *slot, secretSync *v1alpha1.SecretSync, led outcome) bool {
	switch led.reason {
	case "":
		return takesAllOut(secretSync, led.keys) || losesObject(of, secretSync, led.keys)
	case v1alpha1.ReasonTemplateFailed:
		return led.versions[0] != nil && losesObject(of, secretSync, led.keys)
	}
	return false
}

// takesAllOut says whether writing keys is refused because it would remove all keys that the same spec has written.
func takesAllOut(secretSync *v1alpha1.SecretSync, keys map[string]string) bool {
	return writtenBySpec(secretSync) && !slices.ContainsFunc(secretSync.Status.Secret.Keys, func(was string) bool {
		_, stays := keys[was]
		return stays
	})
}

// losesObject says whether writing keys is refused because the same spec has written the keys of an object, and the
// value is no object any more.
func losesObject(of *slot, secretSync *v1alpha1.SecretSync, keys map[string]string) bool {
	const whole = "value"
	if _, isWhole := keys[whole]; !isWhole || len(of.spec.data) > 0 || len(of.spec.more) > 0 || !writtenBySpec(secretSync) {
		return false
	}
	return slices.ContainsFunc(secretSync.Status.Secret.Keys, func(was string) bool {
		return was != of.spec.made && was != whole && !strings.HasSuffix(was, formerSuffix)
	})
}

func writtenBySpec(secretSync *v1alpha1.SecretSync) bool {
	return secretSync != nil && secretSync.Status.Secret != nil && secretSync.Status.Secret.Generation == secretSync.Generation
}

func (r *run) differencesOf(of *slot, seen snapshot) (problems []string) {
	secretSync := seen.syncs[of.key()]
	switch {
	case of.exists && secretSync == nil:
		return []string{of.String() + " is gone"}
	case !of.exists && secretSync != nil:
		return []string{of.String() + " does not go"}
	}
	says := verdict{}
	if of.exists {
		says = r.verdictOf(of, seen)
		problems = says.statusDifferences(of, secretSync)
	}
	for _, name := range of.names() {
		at := place{of.namespace, name}
		secret := seen.secrets[at]
		switch target := of.exists && name == of.spec.target; {
		case target && says.inSync():
			problems = append(problems, r.exactly(of, secretSync, says, secret)...)
		case secret == nil:
		case !of.merge && (orphaned(secret, secretSync) || !r.left[at] && r.mustBeGone(of, says)):
			problems = append(problems, fmt.Sprintf("Secret %s of %s should be gone", at, of))
		default:
			problems = append(problems, r.oneOfFormer(of, at, secret)...)
		}
	}
	return problems
}

// mustBeGone says whether a Secret that the slot does not write now must be deleted by now.
func (r *run) mustBeGone(of *slot, says verdict) bool {
	return !of.retains() && (!of.exists || says.inSync())
}

// orphaned says whether the garbage collector will delete a Secret.
func orphaned(secret *corev1.Secret, secretSync *v1alpha1.SecretSync) bool {
	return slices.ContainsFunc(secret.OwnerReferences, func(owner metav1.OwnerReference) bool {
		return secretSync == nil || owner.UID != secretSync.UID
	})
}

// statusDifferences are the differences of the status from the model.
func (v verdict) statusDifferences(of *slot, secretSync *v1alpha1.SecretSync) (problems []string) {
	status := &secretSync.Status
	wrong := func(format string, arguments ...any) {
		problems = append(problems, of.String()+": "+fmt.Sprintf(format, arguments...))
	}
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || status.ObservedGeneration != secretSync.Generation || ready.ObservedGeneration != secretSync.Generation {
		wrong("status does not speak of the present spec")
		return problems
	}
	// The model does not know which keys would be removed, or are foreign.
	either := v.observed && ready.Reason == v1alpha1.ReasonWouldChange
	if ready.Reason != v.reason && (v.or == "" || ready.Reason != v.or) && !either {
		wrong("Ready is %s for %s, want %s: %s", ready.Status, ready.Reason, v.reason, ready.Message)
	}
	good := v.inSync() || ready.Reason == v1alpha1.ReasonObserved || ready.Reason == v1alpha1.ReasonWouldChange
	if v.reason != v1alpha1.ReasonSuspended && good != (ready.Status == metav1.ConditionTrue) {
		wrong("Ready is %s for %s, want it the other way", ready.Status, ready.Reason)
	}
	if !v.inSync() {
		return problems
	}
	return append(problems, v.syncedDifferences(of, status)...)
}

// syncedDifferences are the differences of the status of a SecretSync in sync.
func (v verdict) syncedDifferences(of *slot, status *v1alpha1.SecretSyncStatus) (problems []string) {
	wrong := func(format string, arguments ...any) {
		problems = append(problems, of.String()+": "+fmt.Sprintf(format, arguments...))
	}
	for _, kind := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		if trouble := meta.FindStatusCondition(status.Conditions, kind); trouble != nil {
			wrong("%s is still %s for %s", kind, trouble.Status, trouble.Reason)
		}
	}
	if want, tells := v.sources(&of.spec), listedSources(status); !slices.Equal(tells, want) {
		wrong("status names the versions %v, want %v", tells, want)
	}
	if status.Secret == nil || status.Secret.Name != of.spec.target || !slices.Equal(status.Secret.Keys, slices.Sorted(maps.Keys(v.keys))) {
		wrong("status names another Secret, or other keys")
	}
	return problems
}

// sources are the versions that a status must list, each once: the spec's own, those of its entries, and the former
// one. A missing version has neither ID nor ARN.
func (v *verdict) sources(of *spec) (all []string) {
	for i, read := range v.versions {
		from := &of.reading
		if i > 0 && i <= len(of.more) {
			from = &of.more[i-1].reading
		}
		seen := false
		for j := range min(i, len(of.more)+1) {
			seen = seen || i <= len(of.more) && of.readingAt(j).same(from)
		}
		switch {
		case seen:
		case read == nil:
			all = append(all, from.id+" -")
		default:
			all = append(all, from.id+" "+read.id+" "+from.from.arn)
		}
	}
	return all
}

// listedSources are the versions that a status lists.
func listedSources(status *v1alpha1.SecretSyncStatus) (all []string) {
	for i := range status.Sources {
		source := &status.Sources[i]
		if source.VersionID == "" {
			all = append(all, source.SecretID+" -")
			continue
		}
		all = append(all, source.SecretID+" "+source.VersionID+" "+source.ARN)
	}
	return all
}

// exactly compares the keys and bytes of a Secret with the model, and checks that it is marked as the slot's.
func (r *run) exactly(of *slot, secretSync *v1alpha1.SecretSync, says verdict, secret *corev1.Secret) (problems []string) {
	at := place{of.namespace, of.spec.target}
	if secret == nil {
		return []string{fmt.Sprintf("Secret %s of %s is missing", at, of)}
	}
	// Keys of the foreign hand are left out.
	part := of.part(keysOf(secret))
	others := withoutForeign(without(part, says.keys))
	if !contains(part, says.keys) || len(others) > 0 {
		problems = append(problems, fmt.Sprintf("Secret %s of %s has %s, want %s", at, of, r.originsOf(part), r.originsOf(says.keys)))
	}
	if secret.Labels[v1alpha1.LabelManaged] == "" {
		problems = append(problems, fmt.Sprintf("Secret %s of %s lacks its label", at, of))
	}
	if of.merge {
		return problems
	}
	if secret.Annotations[v1alpha1.AnnotationVersionID] != says.versions[0].id || secret.Annotations[v1alpha1.AnnotationOwner] != of.name {
		problems = append(problems, fmt.Sprintf("Secret %s of %s is annotated with another version or owner", at, of))
	}
	if secret.Immutable != nil && *secret.Immutable != of.spec.immutable || secret.Immutable == nil && of.spec.immutable {
		problems = append(problems, fmt.Sprintf("Secret %s of %s can be changed, or can't", at, of))
	}
	if owned := len(secret.OwnerReferences) == 1; owned == of.spec.retain || orphaned(secret, secretSync) {
		problems = append(problems, fmt.Sprintf("Secret %s of %s has other owners than it should", at, of))
	}
	return problems
}

// oneOfFormer checks that a Secret that is not written now holds what it had at the last settling, or what the slot
// wanted since: the test does not know when exactly the operator last wrote it. The watch checks that no key was lost.
func (r *run) oneOfFormer(of *slot, at place, secret *corev1.Secret) []string {
	part := of.part(keysOf(secret))
	former := append(r.past(of), r.foreign.states[at]...)
	if found, there := r.found[at]; there {
		former = append(former, found)
	}
	if of.merge {
		former = append(former, map[string]string{})
	}
	for _, values := range former {
		if maps.Equal(withoutForeign(of.part(values)), withoutForeign(part)) {
			return nil
		}
	}
	return []string{fmt.Sprintf("Secret %s has %s, which %s did not want lately", at, r.originsOf(part), of)}
}

// begin records the state after settling.
func (r *run) begin(seen snapshot) {
	r.foreign.states = map[place][]map[string]string{}
	r.found, r.frozen = map[place]map[string]string{}, map[place]bool{}
	for at, secret := range seen.secrets {
		r.found[at] = keysOf(secret)
		r.frozen[at] = secret.Immutable != nil && *secret.Immutable
	}
	for _, of := range r.slots {
		says := verdict{}
		if of.exists {
			says = r.verdictOf(of, seen)
		}
		done := !of.exists || says.inSync()
		for _, name := range of.names() {
			if at := (place{of.namespace, name}); done {
				written := of.exists && name == of.spec.target
				r.left[at] = seen.secrets[at] != nil && !written
			}
		}
		of.settled(says.inSync())
	}
	r.moments = []moment{r.now()}
	r.noteSettled()
	clear(r.changeEvents.touched)
	clear(r.changeEvents.untold)
}
