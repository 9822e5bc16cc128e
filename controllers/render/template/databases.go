package template

import (
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// hostName is a host name or an IPv4 address, without a port.
var hostName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// databaseFunctions take one or more maps with the fields of an RDS secret (page "JSON structure of AWS Secrets Manager
// secrets"): host, port, username, password and dbname; and parameters, a map of the query after the "?". The first map
// that has a field overrides the others. All other fields are ignored.
func databaseFunctions() map[string]function {
	const cost = 20
	return map[string]function{
		"postgresURL":  {1, -1, cost, postgresURL},
		"mysqlURL":     {1, -1, cost, func(c *call) any { return c.database().url("mysql", "") }},
		"mysqlDSN":     {1, -1, cost, mysqlDSN},
		"sqlserverURL": {1, -1, cost, sqlserverURL},
		"mongodbURL":   {1, -1, cost, func(c *call) any { return c.database().url("mongodb", "authSource") }},
		"redisURL":     {1, -1, cost, redisURL},
		"jdbcURL":      {1, -1, cost, jdbcURL},
		"pgpass":       {1, -1, cost, pgpass},
	}
}

// database is the address and the credentials of a database.
type database struct {
	*call
	fields                                 map[string]any
	host, port, username, password, dbname string
	parameters                             map[string]string
}

func (c *call) database() *database {
	fields := map[string]any{}
	for i := c.count() - 1; i >= 0; i-- {
		maps.Copy(fields, c.object(i))
	}
	d := &database{call: c, fields: fields, parameters: map[string]string{}}
	d.host, d.port, d.username, d.password = d.field("host"), d.field("port"), d.field("username"), d.field("password")
	if d.dbname = d.field("dbname"); d.dbname == "" {
		d.dbname = d.field("database")
	}
	if port, err := strconv.ParseUint(d.port, 10, 16); d.port != "" && (err != nil || port == 0) {
		c.refuse("the field \"port\" must be a number from 1 to 65535")
	}
	parameters, ok := fields["parameters"].(map[string]any)
	if !ok && fields["parameters"] != nil {
		c.refuse("the field \"parameters\" must be a map: dict \"name\" \"value\"")
	}
	for name, value := range parameters {
		text, ok := scalar(value)
		if !ok {
			c.refuse("a value of the field \"parameters\" is %s, and a text is needed", kind(value))
		}
		c.budget.spendBytes(8 * len(text))
		d.parameters[name] = text
	}
	return d
}

func (d *database) field(name string) string {
	text, ok := scalar(d.fields[name])
	if !ok && d.fields[name] != nil {
		d.refuse("the field %q is %s, and a text is needed", name, kind(d.fields[name]))
	}
	d.budget.spendBytes(8 * len(text))
	return text
}

// parameter takes a parameter from the field of its name, unless parameters has it.
func (d *database) parameter(name string) {
	if value := d.field(name); name != "" && value != "" && d.parameters[name] == "" {
		d.parameters[name] = value
	}
}

// address is the host and the port. A secret that RDS manages has neither.
func (d *database) address(defaultPort string) string {
	host := d.host
	if host == "" {
		d.refuse("the field \"host\" is missing: give it beside the secret, for example by dict \"host\" \"db.example.com\"")
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if ip, err := netip.ParseAddr(bare); err == nil && ip.Is6() && ip.Zone() == "" {
		host = "[" + bare + "]"
	} else if !hostName.MatchString(host) {
		d.refuse("the field \"host\" must be the name or the IP address of one host, without a port")
	}
	if port := d.portOr(defaultPort); port != "" {
		return host + ":" + port
	}
	return host
}

func (d *database) portOr(otherwise string) string {
	if d.port != "" {
		return d.port
	}
	return otherwise
}

// userinfo is the part of a URL before the host, with "@".
func (d *database) userinfo() string {
	switch {
	case d.username == "" && d.password == "":
		return ""
	case d.password == "":
		return percent(d.username) + "@"
	}
	return percent(d.username) + ":" + percent(d.password) + "@"
}

// query has the parameters in the order of their names.
func (d *database) query() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(d.parameters)) {
		parts = append(parts, percent(name)+"="+percent(d.parameters[name]))
	}
	if len(parts) == 0 {
		return ""
	}
	return "?" + strings.Join(parts, "&")
}

func (d *database) path() string {
	if d.dbname == "" && len(d.parameters) == 0 {
		return ""
	}
	return "/" + percent(d.dbname)
}

func (d *database) url(scheme, own string) string {
	if own != "" {
		d.parameter(own)
	}
	return scheme + "://" + d.userinfo() + d.address("") + d.path() + d.query()
}

// postgresURL also accepts the directory of a Unix socket as host, which libpq takes as a parameter.
func postgresURL(c *call) any {
	d := c.database()
	if !strings.HasPrefix(d.host, "/") {
		return d.url("postgresql", "sslmode")
	}
	d.parameter("sslmode")
	d.parameter("host")
	d.parameter("port")
	return "postgresql://" + d.userinfo() + d.path() + d.query()
}

// mysqlDSN is the DSN of github.com/go-sql-driver/mysql, in which the password is not escaped: the driver looks for the
// last "/", then for the last "@" before it and the first ":" before that.
func mysqlDSN(c *call) any {
	d := c.database()
	if strings.ContainsAny(d.username, ":@/") {
		c.refuse("the field \"username\" has a character out of : @ / which a DSN cannot have there")
	}
	dsn := ""
	if d.username != "" || d.password != "" {
		dsn = d.username + ":" + d.password + "@"
	}
	var network string
	if strings.HasPrefix(d.host, "/") {
		if strings.ContainsAny(d.host, "()@?") {
			c.refuse("the field \"host\" has a character out of ( ) @ ? which a DSN cannot have there")
		}
		network = "unix(" + d.host + ")"
	} else {
		network = "tcp(" + d.address("3306") + ")"
	}
	return dsn + network + "/" + percent(d.dbname) + d.query()
}

func sqlserverURL(c *call) any {
	d := c.database()
	if d.dbname != "" && d.parameters["database"] == "" {
		d.parameters["database"] = d.dbname
	}
	return "sqlserver://" + d.userinfo() + d.address("") + d.query()
}

// redisURL has the scheme rediss, for TLS, if the field tls or ssl is true.
func redisURL(c *call) any {
	d := c.database()
	scheme := "redis"
	if d.field("tls") == "true" || d.field("ssl") == "true" {
		scheme = "rediss"
	}
	if d.dbname != "" {
		if _, err := strconv.ParseUint(d.dbname, 10, 31); err != nil {
			c.refuse("the field \"dbname\" must be the number of a database")
		}
	}
	return d.url(scheme, "")
}

// jdbcURL has neither user nor password: drivers take them separately.
func jdbcURL(c *call) any {
	d := c.database()
	engine := d.field("engine")
	switch engine {
	case "postgres", "postgresql", "aurora-postgresql":
		return "jdbc:postgresql://" + d.address("5432") + "/" + percent(d.dbname) + d.query()
	case "mysql", "aurora-mysql", "aurora":
		return "jdbc:mysql://" + d.address("3306") + "/" + percent(d.dbname) + d.query()
	case "mariadb":
		return "jdbc:mariadb://" + d.address("3306") + "/" + percent(d.dbname) + d.query()
	}
	c.refuse("the field \"engine\" must be postgres, mysql or mariadb")
	return nil
}

// pgpass is a line of the file ~/.pgpass: a missing field matches everything.
func pgpass(c *call) any {
	d := c.database()
	var parts []string
	for _, part := range []string{d.host, d.port, d.dbname, d.username} {
		if part == "" {
			part = "*"
		} else {
			part = pgpassText(c, part)
		}
		parts = append(parts, part)
	}
	return strings.Join(append(parts, pgpassText(c, d.password)), ":") + "\n"
}

func pgpassText(c *call, text string) string {
	if strings.ContainsAny(text, "\r\n\x00") {
		c.refuse("a value has a line break or a byte 0, which a line of .pgpass cannot have")
	}
	return strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(text)
}
