package model

import (
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/testenv"
)

func exists(s *slot) bool { return s.exists }

// api is the spec as the API has it.
func (s *spec) api(name string) v1alpha1.SecretSyncSpec {
	made := v1alpha1.SecretSyncSpec{
		Source:       v1alpha1.SecretSource{SecretID: s.id, VersionStage: s.label},
		PollInterval: &metav1.Duration{Duration: s.poll}, Data: s.data, Suspend: s.suspended,
	}
	if s.pinned != nil {
		made.Source.VersionID = s.pinned.id
	}
	if s.target != name {
		made.Target.Name = s.target
	}
	if s.merge {
		made.Target.CreationPolicy = v1alpha1.CreationPolicyMerge
	}
	if s.retain {
		made.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain
	}
	s.shape(&made)
	for i := range s.more {
		s.more[i].add(&made)
	}
	return made
}

// shape adds what is rendered from the values, and how the Secret is kept.
func (s *spec) shape(made *v1alpha1.SecretSyncSpec) {
	made.Data = slices.Clone(made.Data)
	if s.observes {
		made.Mode = v1alpha1.SyncModeObserve
	}
	if !s.merge {
		made.Target.Immutable, made.Target.ReplacePolicy = s.immutable, v1alpha1.ReplaceRecreate
	}
	if s.guarded {
		made.Guards = &v1alpha1.Guards{RequiredKeys: []string{"password"}, Keys: []v1alpha1.KeyGuard{{Key: "passw*d", Pattern: ".*[^" + refusedEnd + "]"}}}
	}
	if s.made != "" {
		made.Template = &v1alpha1.Template{Data: map[string]string{s.made: `{{ printf "pw:%s" .password | b64enc }}`}}
		if s.alone {
			made.Template.MergePolicy = v1alpha1.TemplateMergeReplace
		}
	}
	if s.former {
		made.KeepPrevious = &v1alpha1.KeepPrevious{For: metav1.Duration{Duration: time.Minute}, Suffix: formerSuffix}
	}
}

// add adds the entry to a spec.
func (e *specEntry) add(to *v1alpha1.SecretSyncSpec) {
	from := &v1alpha1.EntrySource{VersionStage: e.label}
	if !e.beside {
		from.SecretID = e.id
	}
	if e.key == "" {
		entry := v1alpha1.DataFrom{Source: from, Prefix: e.prefix, Optional: e.optional}
		if e.overrides {
			entry.Overlap = v1alpha1.OverlapOverride
		}
		to.DataFrom = append(to.DataFrom, entry)
		return
	}
	to.Data = append(to.Data, v1alpha1.DataKey{Key: e.key, Source: from, Property: e.property, Optional: e.optional})
}

func (s *slot) key() client.ObjectKey {
	return client.ObjectKey{Namespace: s.namespace, Name: s.name}
}

func (s *slot) object() *v1alpha1.SecretSync {
	return &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: s.name}}
}

func (r *run) createSync(of *slot, next spec) {
	r.Helper()
	object := of.object()
	object.Spec = next.api(of.name)
	r.must(r.env.Client.Create(r.Context(), object))
	of.setSpec(next)
	r.begins(of)
}

// edit gives a SecretSync another spec, as "kubectl edit" does.
func (r *run) edit(of *slot, change func(*spec)) {
	r.Helper()
	next := of.spec
	change(&next)
	r.note("edit %s: %s", of, &next)
	object := of.object()
	r.must(r.env.Client.Get(r.Context(), of.key(), object))
	before := object.DeepCopy()
	object.Spec = next.api(of.name)
	r.must(r.env.Client.Patch(r.Context(), object, client.MergeFrom(before)))
	of.setSpec(next)
	r.begins(of)
}

func (r *run) editAny(holds func(*slot) bool, change func(*slot, *spec)) bool {
	of, found := anyOf(r, r.slots, func(s *slot) bool { return s.exists && (holds == nil || holds(s)) })
	if found {
		r.edit(of, func(next *spec) { change(of, next) })
	}
	return found
}

func (r *run) editSource() bool {
	return r.editAny(nil, func(_ *slot, next *spec) { r.drawSource(next) })
}

func (r *run) editData() bool {
	return r.editAny(func(s *slot) bool { return !s.editedInShared }, func(of *slot, next *spec) {
		next.data = r.drawData(of)
		r.drawShapeOf(of, next)
		r.drawMore(of, next)
	})
}

func (r *run) editMore() bool {
	return r.editAny(func(s *slot) bool { return !s.editedInShared && len(s.spec.data) > 0 }, func(of *slot, next *spec) { r.drawMore(of, next) })
}

func (r *run) editShape() bool {
	return r.editAny(func(s *slot) bool { return !s.merge }, func(of *slot, next *spec) { r.drawShapeOf(of, next) })
}

func (r *run) observe() bool {
	return r.editAny(func(s *slot) bool { return !s.spec.observes && !s.editedInShared }, func(_ *slot, next *spec) { next.observes = true })
}

func (r *run) endObserving() bool {
	return r.editAny(func(s *slot) bool { return s.spec.observes }, func(_ *slot, next *spec) { next.observes = false })
}

func (r *run) editPolicy() bool {
	return r.editAny(nil, func(_ *slot, next *spec) { next.retain = !next.retain })
}

func (r *run) rename() bool {
	return r.editAny(func(s *slot) bool { return !s.merge }, func(of *slot, next *spec) {
		next.target = of.names()[0]
		if of.spec.target == next.target {
			next.target = of.names()[1]
		}
	})
}

func (r *run) suspend() bool {
	return r.editAny(func(s *slot) bool { return !s.spec.suspended }, func(_ *slot, next *spec) { next.suspended = true })
}

func (r *run) resume() bool {
	return r.editAny(func(s *slot) bool { return s.spec.suspended }, func(_ *slot, next *spec) { next.suspended = false })
}

func (r *run) deleteSync() bool {
	of, found := anyOf(r, r.slots, func(s *slot) bool { return s.exists && !s.editedInShared })
	if found {
		r.note("delete %s", of)
		r.must(r.env.Client.Delete(r.Context(), of.object()))
		of.recordDeletion()
	}
	return found
}

// recreateSync recreates a deleted SecretSync. One with a finalizer is only deleted while the operator runs.
func (r *run) recreateSync() bool {
	of, found := anyOf(r, r.slots, func(s *slot) bool { return !s.exists && (!s.merge || r.manager != nil) })
	if found {
		next := r.drawSpec(of)
		r.note("make %s again: %s", of, &next)
		r.awaitGone(of)
		r.createSync(of, next)
	}
	return found
}

func (r *run) awaitGone(of *slot) {
	r.Helper()
	problems := await(r.Context(), func() []string {
		if r.isGone(of) {
			return nil
		}
		return []string{of.String() + " does not go"}
	})
	if len(problems) > 0 {
		r.Fatal(problems[0])
	}
}

func (r *run) isGone(of *slot) bool {
	r.Helper()
	err := r.env.Client.Get(r.Context(), of.key(), of.object())
	if client.IgnoreNotFound(err) != nil {
		r.must(err)
	}
	return apierrors.IsNotFound(err)
}

func (r *run) refresh() bool {
	of, found := anyOf(r, r.slots, exists)
	if found {
		r.note("ask %s for a refresh", of)
		r.askRefresh(of)
	}
	return found
}

func (r *run) askRefresh(of *slot) {
	r.Helper()
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationRefreshRequestedAt, time.Now().Format(time.RFC3339Nano))
	r.must(r.env.Client.Patch(r.Context(), of.object(), client.RawPatch("application/merge-patch+json", []byte(patch))))
}

// stop and kill end the operator for some steps.
func (r *run) stop() bool {
	if r.manager == nil {
		return false
	}
	r.note("stop the operator")
	r.end((*testenv.Manager).Stop)
	return true
}

func (r *run) kill() bool {
	if r.manager == nil {
		return false
	}
	r.note("kill the operator")
	r.end((*testenv.Manager).Kill)
	return true
}

func (r *run) comeBack() bool {
	if r.manager != nil {
		return false
	}
	r.note("start the operator")
	r.start()
	return true
}

// recovered changes every SecretSync so that it must get in sync.
func (r *run) recovered() {
	for _, of := range r.slots {
		led := of.spec.wants(r.now(), func(*specEntry) bool { return true })
		switch {
		case !of.exists:
			r.awaitGone(of)
			next := r.drawSpec(of)
			next.recover()
			r.note("make %s again: %s", of, &next)
			r.createSync(of, next)
		case led.reason != "" || of.spec.suspended || of.spec.observes:
			r.edit(of, (*spec).recover)
		}
	}
}

// recover changes a spec so that it must get in sync. If it names its secret differently from now on, it keeps no
// former values, which would have to expire first.
func (s *spec) recover() {
	s.former = s.former && s.id == s.from.name
	s.id, s.life, s.label, s.pinned, s.more, s.suspended, s.observes = s.from.name, 0, current, nil, nil, false, false
}

// recover fixes all that the steps have left broken.
func (r *run) recover() {
	r.revived()
	for _, namespace := range r.namespaces {
		r.createShared(namespace)
	}
	r.comeBack()
	r.recovered()
}
