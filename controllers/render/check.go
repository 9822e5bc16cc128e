package render

import (
	"fmt"
	"time"

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

// Notes are warnings about values that are published nevertheless.
type Notes struct {
	// Warnings name the key and the remedy, and nothing of a value.
	Warnings []string
	// Expires is when the first certificate expires; zero if there is none.
	Expires time.Time
}

// CheckType checks whether a Secret of that type may have these keys, and returns warnings if it may. Errors are of
// type *Error, with reason InvalidValue, except that of the context of the work.
func CheckType(work Work, secretType corev1.SecretType, data map[string][]byte) (Notes, error) {
	for _, key := range requiredKeys(secretType) {
		if err := checkThere(secretType, key, data); err != nil {
			return Notes{}, err
		}
	}
	if err := work.spendType(secretType, data); err != nil {
		return Notes{}, err
	}
	switch secretType {
	case corev1.SecretTypeTLS:
		return checkTLS(data)
	case corev1.SecretTypeBasicAuth:
		return Notes{}, checkBasicAuth(data)
	case corev1.SecretTypeSSHAuth:
		return checkSSH(data[corev1.SSHAuthPrivateKey])
	case corev1.SecretTypeDockerConfigJson:
		return Notes{}, unusable(secretType, corev1.DockerConfigJsonKey, checkDockerConfig(data[corev1.DockerConfigJsonKey]))
	case corev1.SecretTypeDockercfg:
		return Notes{}, unusable(secretType, corev1.DockerConfigKey, checkDockercfg(data[corev1.DockerConfigKey]))
	}
	return Notes{}, nil
}

// spendType takes the steps for checking the values.
func (w Work) spendType(secretType corev1.SecretType, data map[string][]byte) error {
	const field = "spec.target.type"
	switch secretType {
	case corev1.SecretTypeTLS:
		return w.spendPair(field, data[corev1.TLSCertKey], data[corev1.TLSPrivateKeyKey])
	case corev1.SecretTypeSSHAuth:
		return w.spendPair(field, nil, data[corev1.SSHAuthPrivateKey])
	}
	size := len(data[corev1.DockerConfigJsonKey]) + len(data[corev1.DockerConfigKey])
	return w.spend(field, fmt.Sprintf("reading %d bytes of JSON", size), 4*parsePrice*size)
}

// unusable is the error for a key with that flaw; nil if there is none.
func unusable(secretType corev1.SecretType, key string, flaw error) error {
	if flaw == nil {
		return nil
	}
	return invalid("the key %q of a Secret of type %s can't be used: %s; fix the value in AWS", key, secretType, flaw)
}

// checkThere refuses a Secret without a key that its type needs, and says how to get it.
func checkThere(secretType corev1.SecretType, key string, data map[string][]byte) error {
	value, there := data[key]
	switch {
	case len(value) > 0:
		return nil
	case there:
		return invalid("a Secret of type %s needs the key %q with a value, and it is empty: put one into AWS", secretType, key)
	}
	return invalid("a Secret of type %s needs the key %q, which nothing in the spec gives: %s", secretType, key, remedy(secretType, key, data))
}

// remedy is how to get a key that a type needs.
func remedy(secretType corev1.SecretType, key string, data map[string][]byte) string {
	_, whole := data[wholeKey]
	_, auths := data["auths"]
	docker := secretType == corev1.SecretTypeDockerConfigJson || secretType == corev1.SecretTypeDockercfg
	switch {
	case docker && (auths || whole):
		return fmt.Sprintf("list {key: %s} under spec.data, without a property, to take the secret's whole value", key)
	case docker:
		return fmt.Sprintf("list {key: %s} under spec.data where the secret's whole value is the config, "+
			"or make it by spec.template with the function dockerConfigJson (docs/templates.md)", key)
	case whole && len(data) == 1 && secretType != corev1.SecretTypeTLS:
		return fmt.Sprintf("list {key: %s} under spec.data to take the secret's whole value", key)
	}
	return fmt.Sprintf("list it under spec.data with the property that holds it, as in {key: %s, property: …}, or name the field in AWS so", key)
}

// checkBasicAuth requires what the API server requires, and that one of the two is not empty: a user name alone may be
// a token.
func checkBasicAuth(data map[string][]byte) error {
	const user, password = corev1.BasicAuthUsernameKey, corev1.BasicAuthPasswordKey
	if len(data[user]) > 0 || len(data[password]) > 0 {
		return nil
	}
	_, hasUser := data[user]
	_, hasPassword := data[password]
	if hasUser || hasPassword {
		return invalid("a Secret of type %s needs the key %q or %q with a value, and what is there is empty: put one into AWS",
			corev1.SecretTypeBasicAuth, user, password)
	}
	return invalid("a Secret of type %s needs the key %q or %q, and nothing in the spec gives one: "+
		"list them under spec.data with the properties that hold them, or name the fields in AWS so", corev1.SecretTypeBasicAuth, user, password)
}

// CheckSize refuses data that is too large for Kubernetes: the values of a Secret may have 1 MiB together.
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
