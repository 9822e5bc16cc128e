package render

import (
	corev1 "k8s.io/api/core/v1"
)

// checkTLS refuses what Kubernetes takes and no ingress, gateway or server can use: it looks at the presence of the
// keys alone (page "Secrets", section "TLS Secrets").
func checkTLS(data map[string][]byte) error {
	trouble := checkPair(data[corev1.TLSCertKey], data[corev1.TLSPrivateKeyKey])
	if trouble == nil {
		return nil
	}
	key := corev1.TLSPrivateKeyKey
	if trouble.certificate {
		key = corev1.TLSCertKey
	}
	return invalid("the key %q of a Secret of type %s can't be used: %s; mend the value in AWS, or map other properties to %q and %q under spec.data",
		key, corev1.SecretTypeTLS, trouble.problem, corev1.TLSCertKey, corev1.TLSPrivateKeyKey)
}
