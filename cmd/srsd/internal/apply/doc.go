// Package apply turns a configuration of SRS into what the library takes: the configuration of a
// server, its modules, and the settings of each vhost's streams.
//
// Each directive that it reads is in one table, which [Applied] asks. What is known to the schema and not there
// is accepted and has no effect, of which [Warnings] tells.
package apply
