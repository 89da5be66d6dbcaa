// Package conf reads the configuration of SRS: the srs.conf file, the SRS_* environment
// variables that override it, and the rules by which SRS checks both.
//
// [Load] parses, renames what older versions called differently, and checks. It returns every
// fault it finds at once as [Errors], each with its file and line; what SRS accepts but reads in a
// surprising way is a [Warning]. The result, a [File], never changes and is safe for concurrent
// use; a reload is another Load.
//
// Values are read by path, relative to a [Scope]:
//
//	f, err := conf.Load(conf.Options{Path: "conf/srs.conf"})
//	f.Root().Bool("http_api.enabled")
//	v, ok := f.Vhost("live.example.com")
//	v.Duration("hls.hls_fragment")
//
// [File.Effective] writes the configuration in force, with secrets hidden, [Diff] tells what is different
// in another, and [File.Set] and its like change one directive in the text, of which the rest stays.
//
// A non-empty environment variable wins over the file, and the file over the default. The schema
// ([Schema], [Lookup], [Known]) holds one row for each directive; where SRS's versions differ the
// row follows SRS 7.
package conf
