package template

// dockerFunctions make the value of .dockerconfigjson in a Secret of type kubernetes.io/dockerconfigjson.
func dockerFunctions() map[string]function {
	return map[string]function{"dockerConfigJson": {1, -1, 20, dockerConfigJSON}}
}

// dockerConfigJSON takes a map per registry: registry, username, password and, for old clients, email.
func dockerConfigJSON(c *call) any {
	registries := map[string]any{}
	for i := range c.arguments {
		login := c.object(i)
		part := func(name string, needed bool) string {
			text, ok := scalar(login[name])
			if !ok && login[name] != nil || needed && text == "" {
				c.refuse("argument %d needs a text as field %q", i+1, name)
			}
			c.budget.spendBytes(len(text))
			return c.valid(text)
		}
		registry, username, password := part("registry", true), part("username", true), part("password", true)
		if _, twice := registries[registry]; twice {
			c.refuse("argument %d names a registry that another one names", i+1)
		}
		entry := map[string]any{"username": username, "password": password, "auth": basic(username, password)}
		if email := part("email", false); email != "" {
			entry["email"] = email
		}
		registries[registry] = entry
	}
	return string(marshal(c, map[string]any{"auths": registries}, ""))
}
