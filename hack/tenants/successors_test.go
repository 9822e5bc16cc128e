package tenants

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// remove deletes an object, and waits until it is gone.
func (s *tenant) remove(removed client.Object) {
	s.Helper()
	if err := shared.Client.Delete(s.Context(), removed); err != nil {
		s.Fatal(err)
	}
	await(s.T, removed.GetName()+" is gone", func() bool {
		err := shared.Client.Get(s.Context(), client.ObjectKeyFromObject(removed), removed)
		if client.IgnoreNotFound(err) != nil {
			s.Fatal(err)
		}
		return err != nil
	})
}

// TestTheSuccessorOfATenantGetsNothing: a tenant that gets a namespace or a ServiceAccount after another tenant gets
// nothing by the sessions of the former one, in whatever order objects are recreated. Each row says what is deleted and
// what is created then.
func TestTheSuccessorOfATenantGetsNothing(t *testing.T) {
	const noRole, noAccount, denied = "names no role", "there is no ServiceAccount app", "assumed-role/successor-"
	namespace := func(s *tenant) client.Object { return &corev1.Namespace{ObjectMeta: metaOf("", s.namespace)} }
	account := func(s *tenant) client.Object { return &corev1.ServiceAccount{ObjectMeta: metaOf(s.namespace, "app")} }
	sync := func(s *tenant) client.Object { return &v1alpha1.SecretSync{ObjectMeta: metaOf(s.namespace, "own")} }
	secret := func(s *tenant) client.Object { return &corev1.Secret{ObjectMeta: metaOf(s.namespace, "own")} }
	type thing = func(s *tenant) client.Object

	makes := map[string]func(s *tenant){
		"namespace": func(s *tenant) { s.create(namespace(s)) },
		"account":   func(s *tenant) { s.account("app", nil) },
		"with another role": func(s *tenant) {
			s.account("app", map[string]string{"eks.amazonaws.com/role-arn": s.role("successor-"+s.namespace, trustAccount(s.namespace, "app"))})
		},
		"sync":         func(s *tenant) { s.sync("own", s.secretID, byAccount("app")) },
		"another sync": func(s *tenant) { s.sync("successor", s.secretID, byAccount("app")) },
		"find": func(s *tenant) {
			s.create(&v1alpha1.SecretSync{ObjectMeta: metaOf(s.namespace, "own"), Spec: v1alpha1.SecretSyncSpec{
				Source: v1alpha1.SecretSource{}, Auth: byAccount("app"), PollInterval: fast,
				DataFrom: []v1alpha1.DataFrom{{Find: &v1alpha1.Find{NamePrefix: "/" + s.namespace + "/"}}},
			}})
		},
	}
	for name, row := range map[string]struct {
		goes  []thing
		comes []string
		sync  string
		// says is in the message of Ready.
		says string
		// stays says that the SecretSync was not recreated, so that its Secret keeps its values.
		stays bool
	}{
		"namespace":                         {[]thing{namespace}, []string{"namespace", "account", "sync"}, "own", noRole, false},
		"namespace-sync-first":              {[]thing{namespace}, []string{"namespace", "sync", "account"}, "own", noRole, false},
		"namespace-without-account":         {[]thing{namespace}, []string{"namespace", "sync"}, "own", noAccount, false},
		"namespace-another-name":            {[]thing{namespace}, []string{"namespace", "account", "another sync"}, "successor", noRole, false},
		"namespace-another-role":            {[]thing{namespace}, []string{"namespace", "with another role", "sync"}, "own", denied, false},
		"namespace-find":                    {[]thing{namespace}, []string{"namespace", "account", "find"}, "own", noRole, false},
		"sync-and-account":                  {[]thing{sync, account}, []string{"account", "sync"}, "own", noRole, false},
		"account-and-sync":                  {[]thing{account, sync}, []string{"sync", "account"}, "own", noRole, false},
		"account-and-sync-another-role":     {[]thing{account, sync}, []string{"with another role", "sync"}, "own", denied, false},
		"account-and-sync-without-account":  {[]thing{account, sync}, []string{"sync"}, "own", noAccount, false},
		"account-beside-a-sync-that-stays":  {[]thing{account}, []string{"account", "another sync"}, "successor", noRole, false},
		"account-for-a-sync-of-before":      {[]thing{account, secret}, []string{"account"}, "own", noRole, true},
		"account-for-one-with-another-role": {[]thing{account, secret}, []string{"with another role"}, "own", denied, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTenant(t, "successor-of-"+name)
			s.sync("own", s.secretID, byAccount("app"))
			s.awaitValue("own", s.value)
			for _, gone := range row.goes {
				s.remove(gone(s))
			}
			for _, what := range row.comes {
				makes[what](s)
			}
			await(t, "Ready says that "+row.says, func() bool {
				found := &v1alpha1.SecretSync{}
				if err := shared.Client.Get(t.Context(), client.ObjectKey{Namespace: s.namespace, Name: row.sync}, found); err != nil {
					t.Fatal(err)
				}
				ready := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady)
				return ready != nil && strings.Contains(ready.Message, row.says)
			})
			await(t, "there is no Secret with what the tenant of before could read", func() bool {
				held := &corev1.Secret{}
				if err := shared.Client.Get(s.Context(), client.ObjectKey{Namespace: s.namespace, Name: row.sync}, held); client.IgnoreNotFound(err) != nil {
					t.Fatal(err)
				}
				return len(held.Data) == 0 || row.stays
			})
		})
	}
}
