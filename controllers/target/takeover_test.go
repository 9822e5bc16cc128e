package target

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// held is the Secret db that names the SecretSync former, which wants a Secret of that name; none exists where it
// wants none.
func held(wants string, change func(*holder)) holder {
	secret := SecretMetadata()
	secret.Namespace, secret.Name, secret.UID = "payments", "db", "uid"
	secret.Annotations = map[string]string{v1alpha1.AnnotationOwner: "former"}
	secretSync := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "former", UID: "uid-of-former"}}
	secretSync.Spec.Target.Name = wants
	secret.OwnerReferences = []metav1.OwnerReference{OwnerReference(secretSync)}
	h := holder{secret: secret, sync: secretSync}
	if wants == "" {
		h.sync = nil
	}
	if change != nil {
		change(&h)
	}
	return h
}

func TestWhatToDoAboutASecretOfAnother(t *testing.T) {
	kept := func(h *holder) { h.secret.OwnerReferences = nil }
	merges := func(h *holder) { h.sync.Spec.Target.CreationPolicy = v1alpha1.CreationPolicyMerge }
	merged := func(h *holder) { kept(h); merges(h) }
	for name, test := range map[string]struct {
		found    holder
		mentions string
		handOver bool
	}{
		"both want it":                               {held("db", nil), "delete one of the two", false},
		"it was kept by one that is gone":            {held("", kept), "was kept when SecretSync \"former\" was deleted", true},
		"it goes with one that is gone":              {held("", nil), "created again once Kubernetes has deleted it", false},
		"it goes with a former one":                  {held("db", func(h *holder) { h.sync.UID = "another" }), "created again once Kubernetes has deleted it", false},
		"it was kept by one that has moved":          {held("new", kept), `moved to Secret "new"`, true},
		"it goes with something else":                {held("", func(h *holder) { h.secret.OwnerReferences[0].Kind = "ConfigMap" }), "was kept when SecretSync \"former\" was deleted", true},
		"the other is to merge into its own":         {held("db", merges), "delete one of the two", false},
		"the other is to merge into one it has kept": {held("db", merged), "came to merge keys into it", true},
		"its owner moves":                            {held("new", nil), `once it has written Secret "new"`, false},
	} {
		err := foreign(Desired{Namespace: "payments", Name: "db", Owner: "next"}, State{Exists: true, UID: "uid", Owner: "former"}, test.found)
		if message := err.Error(); !strings.Contains(message, test.mentions) ||
			strings.Contains(message, "kubectl annotate secret db -n payments --overwrite secretsync.dev/owner=next") != test.handOver {
			t.Errorf("%s: %q", name, message)
		}
	}
}

// TestWhoGivesASecretUp: no Secret is taken from a SecretSync that still wants it, is to keep it, or writes nothing
// now.
func TestWhoGivesASecretUp(t *testing.T) {
	for name, test := range map[string]struct {
		found holder
		want  bool
	}{
		"one that wants another":           {held("new", nil), true},
		"one that wants it":                {held("db", nil), false},
		"one that is gone":                 {held("", nil), false},
		"one that is to keep it":           {held("new", func(h *holder) { h.sync.Spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain }), false},
		"one that has kept it":             {held("new", func(h *holder) { h.secret.OwnerReferences = nil }), false},
		"one that is suspended":            {held("new", func(h *holder) { h.sync.Spec.Suspend = true }), false},
		"one that observes":                {held("new", func(h *holder) { h.sync.Spec.Mode = v1alpha1.SyncModeObserve }), false},
		"one that is being deleted":        {held("new", func(h *holder) { h.sync.DeletionTimestamp = new(metav1.Now()) }), false},
		"another one of the former's name": {held("new", func(h *holder) { h.sync.UID = "another" }), false},
	} {
		if got := test.found.moved(); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// link is a Secret and the SecretSync that it belongs to, which wants another one.
func link(secret, owner, wants string) []client.Object {
	secretSync := syncNamed(owner, wants)
	owned := ownedBy(secret, secretSync)
	owned.UID = types.UID("uid-of-" + secret)
	return []client.Object{owned, secretSync}
}

// TestASecretIsTakenOverInACircleAlone: each of its members waits for the next one, and the last one for SecretSync db.
// If the chain ends elsewhere, the owner of the Secret releases it by itself.
func TestASecretIsTakenOverInACircleAlone(t *testing.T) {
	kept := func(link []client.Object) []client.Object {
		link[1].(*v1alpha1.SecretSync).Spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain
		return link
	}
	merges := func(link []client.Object) []client.Object {
		link[1].(*v1alpha1.SecretSync).Spec.Target.CreationPolicy = v1alpha1.CreationPolicyMerge
		return link
	}
	for name, test := range map[string]struct {
		chain [][]client.Object
		taken bool
	}{
		"of two":   {[][]client.Object{link("db", "b", "second"), link("second", "db", "db")}, true},
		"of three": {[][]client.Object{link("db", "b", "second"), link("second", "c", "third"), link("third", "db", "db")}, true},
		"of four": {[][]client.Object{link("db", "b", "second"), link("second", "c", "third"), link("third", "d", "fourth"),
			link("fourth", "db", "db")}, true},
		"it ends at a Secret that is free": {[][]client.Object{link("db", "b", "second"), link("second", "c", "free")}, false},
		"it ends at one that stays": {[][]client.Object{link("db", "b", "second"), link("second", "c", "second"),
			link("third", "db", "db")}, false},
		"a member is to keep its own": {[][]client.Object{link("db", "b", "second"), kept(link("second", "c", "third")),
			link("third", "db", "db")}, false},
		"a member merges": {[][]client.Object{link("db", "b", "second"), merges(link("second", "c", "third")),
			link("third", "db", "db")}, false},
		"db is to keep its own": {[][]client.Object{link("db", "b", "second"), link("second", "c", "third"),
			kept(link("third", "db", "db"))}, false},
		"a circle of others": {[][]client.Object{link("db", "b", "second"), link("second", "c", "db")}, false},
		"a circle of others, further on": {[][]client.Object{link("db", "b", "second"), link("second", "c", "third"),
			link("third", "d", "second")}, false},
	} {
		w, s := serve(t, slices.Concat(test.chain...)...)
		result, err := applied(t, w, wanting())
		if test.taken != (err == nil) || raced(err) || test.taken != (len(s.sent) > 0) || err == nil && result.Outcome != Updated {
			t.Errorf("%s: %+v, %v, %v", name, result, err, s.verbs())
		}
		if !test.taken {
			untouched(t, name, s, test.chain[0][0].(*corev1.Secret))
		}
		if owner := s.secret(t).Annotations[v1alpha1.AnnotationOwner]; (owner == "db") != test.taken {
			t.Errorf("%s: the Secret belongs to %q", name, owner)
		}
	}
}

// TestASecretIsTakenOverOnlyInTheStateThatWasChecked: the one that was found belongs to another SecretSync, which waits for
// ours; by the time of the look at its holder there may be another one.
func TestASecretIsTakenOverOnlyInTheStateThatWasChecked(t *testing.T) {
	for name, change := range map[string]func(theirs *corev1.Secret){
		"it is gone":                 func(theirs *corev1.Secret) { theirs.Name = "away" },
		"it is another one":          func(theirs *corev1.Secret) { theirs.UID = "another" },
		"it belongs to another":      func(theirs *corev1.Secret) { theirs.Annotations[v1alpha1.AnnotationOwner] = "third" },
		"it belongs to none":         func(theirs *corev1.Secret) { theirs.Annotations = nil },
		"it is another, of another":  func(theirs *corev1.Secret) { theirs.UID, theirs.Annotations = "another", nil },
		"it belongs to us by a hand": func(theirs *corev1.Secret) { theirs.Annotations[v1alpha1.AnnotationOwner] = "db" },
	} {
		before, ours, other, own := exchanging()
		w, s := serve(t, before.DeepCopy(), ours.DeepCopy(), other.DeepCopy(), own.DeepCopy())
		theirs := before.DeepCopy()
		change(theirs)
		now, _ := serve(t, theirs, ours, other, own)
		w.Live = now.Live
		if result, err := applied(t, w, wanting()); !raced(err) || result.UID != "" || len(s.sent) > 0 {
			t.Errorf("%s: %v, %v", name, err, s.verbs())
		}
		untouched(t, name, s, before)
	}
}

// refusing is a reader that does not give the object of a name, or no list.
type refusing struct {
	client.Reader
	name string
	list error
}

func (r refusing) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if key.Name == r.name {
		return mayNot()
	}
	return r.Reader.Get(ctx, key, object, options...)
}

func (r refusing) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if r.list != nil {
		return r.list
	}
	return r.Reader.List(ctx, list, options...)
}

// TestAHolderThatCanNotBeReadIsAnErrorOfItsOwn: it is not taken for one that is gone, and nothing is taken from it.
func TestAHolderThatCanNotBeReadIsAnErrorOfItsOwn(t *testing.T) {
	for _, name := range []string{"db", "second"} {
		theirs, ours, other, own := exchanging()
		w, s := serve(t, theirs.DeepCopy(), ours, other, own)
		w.Live = refusing{Reader: w.Live, name: name}
		refused, ok := errors.AsType[*Error](secondOf(applied(t, w, wanting())))
		if !ok || refused.Reason != v1alpha1.ReasonTargetForbidden || strings.Contains(refused.Message, quoted) || len(s.sent) > 0 {
			t.Errorf("Secret %s: %+v, %v", name, refused, s.verbs())
		}
	}
	theirs, ours, other, own := exchanging()
	w, s := serve(t, theirs.DeepCopy(), ours, other, own)
	unread := errors.New("no SecretSyncs")
	w.Live = refusing{Reader: w.Live, list: unread}
	if _, err := applied(t, w, wanting()); !errors.Is(err, unread) || len(s.sent) > 0 {
		t.Errorf("the SecretSync: %v, %v", err, s.verbs())
	}
}

// TestAnExchangeThatIsRefusedIsExplained, at each of its requests.
func TestAnExchangeThatIsRefusedIsExplained(t *testing.T) {
	for _, verb := range []string{"records", "apply"} {
		theirs, ours, other, own := exchanging()
		w, s := serve(t, theirs.DeepCopy(), ours, other, own)
		s.fails[verb] = mayNot()
		result, err := applied(t, w, wanting())
		refused, ok := errors.AsType[*Error](err)
		if !ok || refused.Reason != v1alpha1.ReasonTargetForbidden || strings.Contains(refused.Message, quoted) || result.UID != "" {
			t.Errorf("%s: %+v, %v", verb, result, err)
		}
	}
}

// TestOnlyWhatTheFormerOwnerHeldIsInherited, by its create and by its applies. Inherited fields that are not desired are
// removed, and fields of others stay.
func TestOnlyWhatTheFormerOwnerHeldIsInherited(t *testing.T) {
	holds := func(manager string, operation metav1.ManagedFieldsOperationType, fields string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, APIVersion: "v1", FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fields)}
	}
	// A record of ours is there already where keys were merged into the Secret before.
	for _, merged := range [][]metav1.ManagedFieldsEntry{nil, {holds("secretsync.dev/db", metav1.ManagedFieldsOperationApply, `{"f:data":{"f:merged":{}}}`)}} {
		theirs, ours, other, own := exchanging()
		theirs.Data = map[string][]byte{"password": nil, "applied": nil, "created": nil, "helm": nil, "kubectl": nil}
		for range merged {
			theirs.Data["merged"] = nil
		}
		theirs.ManagedFields = slices.Concat(merged, []metav1.ManagedFieldsEntry{
			holds("helm", metav1.ManagedFieldsOperationApply, `{"f:data":{"f:helm":{}}}`),
			holds("secretsync.dev/other", metav1.ManagedFieldsOperationApply, `{"f:data":{"f:applied":{},"f:password":{}}}`),
			holds("kubectl", metav1.ManagedFieldsOperationUpdate, `{"f:data":{"f:kubectl":{}}}`),
			holds("secretsync.dev/other", metav1.ManagedFieldsOperationUpdate, `{"f:data":{"f:created":{},"f:password":{}}}`),
		})
		w, s := serve(t, theirs, ours, other, own)
		if _, err := applied(t, w, wanting()); err != nil {
			t.Fatal(err)
		}
		there := s.secret(t)
		if keys := slices.Sorted(maps.Keys(there.Data)); !slices.Equal(keys, []string{"helm", "kubectl", "password"}) {
			t.Errorf("%d records of ours: keys %v", len(merged), keys)
		}
		for key, manager := range map[string]string{"helm": "helm", "kubectl": "kubectl", "password": "secretsync.dev/db"} {
			if holders := holdersOf(there.ManagedFields, key); !slices.Equal(holders, []string{manager}) {
				t.Errorf("%d records of ours: %s is held by %v", len(merged), key, holders)
			}
		}
	}
}
