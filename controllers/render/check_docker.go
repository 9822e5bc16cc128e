package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// checkDockerConfig says why a Docker config can't be used to log in to a registry; nil if it can. The kubelet reads
// only auths (package pkg/credentialprovider of Kubernetes): for each registry a user name and a password, or both as
// auth. Other programs also use credHelpers and credsStore, and accept tokens.
func checkDockerConfig(content []byte) error {
	config, err := parseObject(content)
	if err != nil {
		return fmt.Errorf("it must be a JSON object with the field \"auths\" (%w)", err)
	}
	if err := config.checkClear(); err != nil {
		return err
	}
	_, helpers := config.fields["credHelpers"]
	_, store := config.fields["credsStore"]
	raw, there := config.fields["auths"]
	if !there {
		switch {
		case helpers || store:
			return nil
		case len(config.fields) > 0 && checkRegistries(config, false) == nil:
			return errors.New(`it lists registries without the field "auths" around them, as the older type kubernetes.io/dockercfg has them`)
		}
		return errors.New(`it has no field "auths", an object with a field for each registry`)
	}
	registries, err := parseObject(raw)
	if err != nil {
		return fmt.Errorf(`its field "auths" must be an object with a field for each registry (%w)`, err)
	}
	return checkRegistries(registries, helpers || store)
}

// checkDockercfg is checkDockerConfig for the older format, in which the registries are the fields of the config.
func checkDockercfg(content []byte) error {
	registries, err := parseObject(content)
	if err != nil {
		return fmt.Errorf("it must be a JSON object with a field for each registry (%w)", err)
	}
	if _, newer := registries.fields["auths"]; newer {
		return errors.New(`it has the field "auths", which belongs to the type kubernetes.io/dockerconfigjson`)
	}
	return checkRegistries(registries, false)
}

// checkRegistries says what the first unusable registry lacks. Entries may be empty if a helper has the credentials.
func checkRegistries(registries *document, helped bool) error {
	if err := registries.checkClear(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(registries.fields)) {
		login, err := parseObject(registries.fields[name])
		switch {
		case err != nil:
			err = fmt.Errorf("must be an object (%w)", err)
		case helped && len(login.fields) == 0:
		default:
			err = login.checkLogin()
		}
		if err != nil {
			return fmt.Errorf("the entry of registry %s %w", shown(name), err)
		}
	}
	return nil
}

// checkLogin says why the entry of a registry is no login.
func (d *document) checkLogin() error {
	if err := d.checkClear(); err != nil {
		return fmt.Errorf("can't be read: %w", err)
	}
	filled := map[string]bool{}
	for _, name := range []string{"auth", "username", "password", "identitytoken", "registrytoken"} {
		raw, there := d.fields[name]
		var value *string
		if there && json.Unmarshal(raw, &value) != nil {
			return fmt.Errorf("must have a string as %q", name)
		}
		filled[name] = value != nil && *value != ""
	}
	if filled["auth"] {
		decoded, err := decode(v1alpha1.DecodingBase64, text(d.fields["auth"]))
		if err != nil || !bytes.Contains(decoded, []byte(":")) {
			return errors.New(`must have as "auth" the Base64 of user name, ":" and password`)
		}
		return nil
	}
	if filled["username"] && filled["password"] || filled["identitytoken"] || filled["registrytoken"] {
		return nil
	}
	return errors.New(`has neither "auth" nor "username" and "password"`)
}

// checkClear names the first field that programs read in different ways.
func (d *document) checkClear() error {
	for _, name := range slices.Sorted(maps.Keys(d.unclear)) {
		return fmt.Errorf("its field %s %s", shown(name), d.unclear[name])
	}
	return nil
}
