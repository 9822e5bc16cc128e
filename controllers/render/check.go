package render

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// requiredKeys are the keys without which Kubernetes refuses a Secret of a type (page "Secrets",
// section "Types of Secret").
func requiredKeys(secretType corev1.SecretType) []string {
	switch secretType {
	case corev1.SecretTypeTLS:
		return []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey}
	case corev1.SecretTypeSSHAuth:
		return []string{corev1.SSHAuthPrivateKey}
	case corev1.SecretTypeDockerConfigJson:
		return []string{corev1.DockerConfigJsonKey}
	case corev1.SecretTypeDockercfg:
		return []string{corev1.DockerConfigKey}
	}
	return nil
}

// CheckType says whether a Secret of that type may hold these keys. Errors are of type *Error, with
// reason InvalidValue.
func CheckType(secretType corev1.SecretType, data map[string][]byte) error {
	for _, key := range requiredKeys(secretType) {
		if len(data[key]) == 0 {
			return invalid("a Secret of type %s needs the key %q with a value: map a property to it under spec.data", secretType, key)
		}
	}
	switch secretType {
	case corev1.SecretTypeTLS:
		return checkTLS(data)
	case corev1.SecretTypeBasicAuth:
		_, user := data[corev1.BasicAuthUsernameKey]
		_, password := data[corev1.BasicAuthPasswordKey]
		if !user && !password {
			return invalid("a Secret of type %s needs the key %q or %q: map a property to it under spec.data",
				secretType, corev1.BasicAuthUsernameKey, corev1.BasicAuthPasswordKey)
		}
	case corev1.SecretTypeDockerConfigJson, corev1.SecretTypeDockercfg:
		key := requiredKeys(secretType)[0]
		if _, err := parseObject(data[key]); err != nil {
			return invalid("the key %q of a Secret of type %s must be a JSON object (%s): mend the value in AWS", key, secretType, err)
		}
	}
	return nil
}

// CheckSize says whether Kubernetes takes that much: the values of a Secret may have 1 MiB together.
// Errors are of type *Error, with reason TargetTooLarge.
func CheckSize(data map[string][]byte) error {
	size := sizeOf(data)
	if size <= corev1.MaxSecretSize {
		return nil
	}
	return &Error{Reason: v1alpha1.ReasonTargetTooLarge, Message: fmt.Sprintf(
		"the values of the Secret would have %d bytes together, and Kubernetes allows %d: list fewer keys under spec.data",
		size, corev1.MaxSecretSize)}
}

// sizeOf is how many bytes the values have together.
func sizeOf(data map[string][]byte) int {
	size := 0
	for _, value := range data {
		size += len(value)
	}
	return size
}
