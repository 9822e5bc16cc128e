package target

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// heldBy is a Secret in which each key is held by field managers, separated by blanks.
func heldBy(holders map[string]string) *corev1.Secret {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{UID: "uid"}, Data: map[string][]byte{}}
	byManager := map[string][]string{}
	for key, managers := range holders {
		secret.Data[key] = []byte(quoted)
		for manager := range strings.FieldsSeq(managers) {
			byManager[manager] = append(byManager[manager], fmt.Sprintf(`%q:{}`, "f:"+key))
		}
	}
	for _, manager := range slices.Sorted(maps.Keys(byManager)) {
		secret.ManagedFields = append(secret.ManagedFields, metav1.ManagedFieldsEntry{Manager: manager,
			FieldsV1: metav1.NewFieldsV1(fmt.Sprintf(`{"f:data":{".":{},%s},"f:type":{}}`, strings.Join(byManager[manager], ",")))})
	}
	return secret
}

// TestAKeyOfOthersIsRefusedWhateverItsValue: the API server accepts an apply of the same value, and so would confirm a
// guess to a user who may not read the Secret.
func TestAKeyOfOthersIsRefusedWhateverItsValue(t *testing.T) {
	merging := func(written ...string) Desired {
		desired := Desired{Name: "app", Owner: "db", Merge: true, Data: map[string][]byte{"password": []byte(quoted)}}
		if written != nil {
			desired.Previous = &v1alpha1.SecretStatus{Name: "app", UID: "uid", Keys: written}
		}
		return desired
	}
	elsewhere := merging("password")
	elsewhere.Previous.Name = "former"
	unreadable := heldBy(map[string]string{"password": ""})
	for _, fields := range []*metav1.FieldsV1{nil, metav1.NewFieldsV1(`{"f:data":{"f:password":{}},"f:data":1}`)} {
		unreadable.ManagedFields = append(unreadable.ManagedFields, metav1.ManagedFieldsEntry{Manager: "secretsync.dev/db", FieldsV1: fields})
	}
	for name, test := range map[string]struct {
		desired Desired
		host    *corev1.Secret
		mention string // empty where it may be merged
	}{
		"a new key":                          {merging(), heldBy(map[string]string{"user": "kubectl"}), ""},
		"a key of another field manager":     {merging(), heldBy(map[string]string{"password": "kubectl"}), `"kubectl"`},
		"a key of another SecretSync":        {merging(), heldBy(map[string]string{"password": "secretsync.dev/first"}), `SecretSync "first"`},
		"a key of an unknown field manager":  {merging(), heldBy(map[string]string{"password": ""}), `"unknown"`},
		"its own key, before status knew":    {merging(), heldBy(map[string]string{"password": "kubectl secretsync.dev/db"}), ""},
		"its own key, by what was written":   {merging("password"), heldBy(map[string]string{"password": "kubectl"}), ""},
		"a key that is new to its spec":      {merging("user"), heldBy(map[string]string{"password": "kubectl"}), `"kubectl"`},
		"a key it wrote into another Secret": {elsewhere, heldBy(map[string]string{"password": "kubectl"}), `"kubectl"`},
		"its own, by records without fields": {merging(), unreadable, `"unknown"`},
	} {
		err := refuseMerge(test.desired, test.host)
		refused, ok := errors.AsType[*Error](err)
		if ok != (test.mention != "") || ok && (refused.Reason != v1alpha1.ReasonTargetConflict || !strings.Contains(refused.Message, test.mention) || !strings.HasPrefix(refused.Message, `key "password" of Secret "app" `)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatMayBeCompared(t *testing.T) {
	host := heldBy(map[string]string{"mine": "secretsync.dev/db", "edited": "kubectl", "both": "kubectl secretsync.dev/db"})
	for name, test := range map[string]struct {
		desired Desired
		state   State
		want    []string
	}{
		"a Secret of its own":            {Desired{Owner: "db"}, State{UID: "uid", Owner: "db"}, []string{"both", "edited", "mine"}},
		"a Secret without owner":         {Desired{Owner: "db"}, State{UID: "uid"}, nil},
		"a Secret of another SecretSync": {Desired{Owner: "db"}, State{UID: "uid", Owner: "other"}, nil},
		"a Secret to merge into":         {Desired{Owner: "db", Merge: true}, State{UID: "uid"}, []string{"both", "mine"}},
		"the same, its name being on it": {Desired{Owner: "db", Merge: true}, State{UID: "uid", Owner: "db"},
			[]string{"both", "mine"}},
	} {
		if diff := cmp.Diff(test.want, slices.Sorted(maps.Keys(mayCompare(test.desired, test.state, host)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if len(host.Data) != 3 {
			t.Fatalf("%s: the Secret itself, which is looked at further, has %d keys left", name, len(host.Data))
		}
	}
}
