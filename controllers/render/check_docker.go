package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// dockerConfigFlaw says why a config of Docker can't be used to log in anywhere; empty where it can. The kubelet reads
// auths alone (package pkg/credentialprovider of Kubernetes): for each registry a user name and a password, or both
// as auth. Other programs also follow credHelpers and credsStore, and take tokens.
func dockerConfigFlaw(content []byte) string {
	config, err := parseObject(content)
	if err != nil {
		return "it must be a JSON object with the field \"auths\" (" + err.Error() + ")"
	}
	if flaw := config.unclearFlaw(); flaw != "" {
		return flaw
	}
	_, helpers := config.fields["credHelpers"]
	_, store := config.fields["credsStore"]
	raw, there := config.fields["auths"]
	if !there {
		switch {
		case helpers || store:
			return ""
		case len(config.fields) > 0 && registriesFlaw(config, false) == "":
			return `it lists registries without the field "auths" around them, as the older type kubernetes.io/dockercfg has them`
		}
		return `it has no field "auths", an object with a field for each registry`
	}
	registries, err := parseObject(raw)
	if err != nil {
		return `its field "auths" must be an object with a field for each registry (` + err.Error() + ")"
	}
	return registriesFlaw(registries, helpers || store)
}

// dockercfgFlaw is the same for the older form, which has the registries at its top.
func dockercfgFlaw(content []byte) string {
	registries, err := parseObject(content)
	if err != nil {
		return "it must be a JSON object with a field for each registry (" + err.Error() + ")"
	}
	if _, newer := registries.fields["auths"]; newer {
		return `it has the field "auths", which belongs to the type kubernetes.io/dockerconfigjson`
	}
	return registriesFlaw(registries, false)
}

// registriesFlaw says what the first registry lacks, by name. Where a helper has the credentials, entries may be empty.
func registriesFlaw(registries *document, helped bool) string {
	if flaw := registries.unclearFlaw(); flaw != "" {
		return flaw
	}
	for _, name := range slices.Sorted(maps.Keys(registries.fields)) {
		login, err := parseObject(registries.fields[name])
		flaw := ""
		switch {
		case err != nil:
			flaw = "must be an object (" + err.Error() + ")"
		case helped && len(login.fields) == 0:
		default:
			flaw = login.loginFlaw()
		}
		if flaw != "" {
			return fmt.Sprintf("the entry of registry %s %s", shown(name), flaw)
		}
	}
	return ""
}

// loginFlaw says why an entry of a registry is no login.
func (d *document) loginFlaw() string {
	if flaw := d.unclearFlaw(); flaw != "" {
		return "can't be read: " + flaw
	}
	filled := map[string]bool{}
	for _, name := range []string{"auth", "username", "password", "identitytoken", "registrytoken"} {
		raw, there := d.fields[name]
		var value *string
		if there && json.Unmarshal(raw, &value) != nil {
			return fmt.Sprintf("must have a string as %q", name)
		}
		filled[name] = value != nil && *value != ""
	}
	if filled["auth"] {
		decoded, err := decode(v1alpha1.DecodingBase64, text(d.fields["auth"]))
		if err != nil || !bytes.Contains(decoded, []byte(":")) {
			return `must have as "auth" the Base64 of user name, ":" and password`
		}
		return ""
	}
	if filled["username"] && filled["password"] || filled["identitytoken"] || filled["registrytoken"] {
		return ""
	}
	return `has neither "auth" nor "username" and "password"`
}

// unclearFlaw names the first field that programs read in different ways.
func (d *document) unclearFlaw() string {
	for _, name := range slices.Sorted(maps.Keys(d.unclear)) {
		return fmt.Sprintf("its field %s %s", shown(name), d.unclear[name])
	}
	return ""
}
