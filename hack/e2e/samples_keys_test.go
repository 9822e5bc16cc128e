package e2e

import (
	"slices"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// keysOfSamples are the keys of the Secret of each SecretSync in the samples; none for a SecretSync that writes
// nothing.
func keysOfSamples() map[string][]string {
	return map[string][]string{
		"stripe": {"value"}, "stripe-by-service-account": {"value"}, "signing-key": {"value"}, "signing-key-by-role": {"value"},
		"payments-db": {"DB_CA", "DB_PASSWORD", "DB_USER"}, "payments-config-password": {"DB_PASSWORD"},
		"payments-db-previous": {"password", "tls", "username"}, "payments-db-pinned": {"password", "tls", "username"},
		"payments-db-grace": {"password", "tls", "username"}, "payments-db-guarded": {"password", "tls", "username"},
		"payments-app": {"DB_PASSWORD", "DB_PASSWORD_PREVIOUS", "FEATURE_search", "SHOP_token", "STRIPE_KEY"},
		"cluster":      {"APP_PASSWORD", "DB_HOST", "DB_PORT", "DB_REPLICA", "PROXY_HOST", "ca.crt", "license.bin"},
		"plugins":      {"plugin.search", "plugin.sub_mail"}, "keystore": {"keystore.jks"}, "initial-login": {"password"}, "observed": nil,
		"orders-db": {".pgpass", "DATABASE_URL", "JDBC_URL", "dbname", "engine", "host", "password", "port", "username"},
		"registry":  {".dockerconfigjson"}, "cluster-staging": {"config", "name", "server"}, "web-tls": {"tls.crt", "tls.key"}, "shop-tls": {"tls.crt", "tls.key"},
		"shop-settings": {"LOG_LEVEL", "SMTP_PASSWORD"}, "shop-env": {"SHOP_API_TOKEN"}, "restarted-shop": {"token"}, "shop-by-events": {"token"}, "shop-immutable": {"token"},
	}
}

// awaitSamples waits until the Secret of each SecretSync of the samples has its keys.
func (s *setup) awaitSamples() {
	s.Helper()
	var syncs v1alpha1.SecretSyncList
	if err := s.env.Client.List(s.Context(), &syncs, client.InNamespace(s.namespace)); err != nil {
		s.Fatal(err)
	}
	wanted := keysOfSamples()
	if len(syncs.Items) != len(wanted) {
		s.Errorf("%d SecretSyncs in the samples, want %d", len(syncs.Items), len(wanted))
	}
	for i := range syncs.Items {
		name := syncs.Items[i].Name
		keys, listed := wanted[name]
		if !listed {
			s.Errorf("the keys of sample %s are not known", name)
			continue
		}
		if keys == nil {
			s.awaitReason(name, metav1.ConditionTrue, v1alpha1.ReasonWouldChange)
			continue
		}
		reason := v1alpha1.ReasonSynced
		if syncs.Items[i].Once() {
			reason = v1alpha1.ReasonSyncedOnce
		}
		found := s.awaitReason(name, metav1.ConditionTrue, reason)
		if got := slices.Clone(found.Status.Secret.Keys); !cmp.Equal(keys, got) {
			s.Errorf("sample %s: %s", name, cmp.Diff(keys, got))
		}
	}
}
