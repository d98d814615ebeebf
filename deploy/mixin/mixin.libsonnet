// Rules, alerts and dashboard of Quell as a monitoring mixin (https://monitoring.mixins.dev).
// They are those of deploy/prometheus and deploy/grafana, and the same as long as _config
// is left as it is.
//
// It reads what lies beside it, so that the whole of deploy is to be vendored:
//
//   jb install github.com/quell-stream/quell/deploy@main
//
//   local quell = import 'github.com/quell-stream/quell/deploy/mixin/mixin.libsonnet';
//   quell { _config+:: { selector: 'job="sensors/quell"' } }
local each(f, x) =
  if std.isObject(x) then { [k]: each(f, x[k]) for k in std.objectFields(x) }
  else if std.isArray(x) then [each(f, v) for v in x]
  else if std.isString(x) then f(x)
  else x;

{
  _config+:: {
    // What the targets have that are Quell.
    selector: 'job="quell"',
    // What the link of an alert to its section begins with.
    runbook: 'https://github.com/quell-stream/quell/blob/main/docs/runbook.md#',
    dashboardUid: 'quell',
    dashboardTags: ['quell'],
  },

  local c = self._config,
  local told(text) = std.strReplace(text, 'https://github.com/quell-stream/quell/blob/main/docs/runbook.md#', c.runbook),
  local asked(text) = std.strReplace(text, 'job="quell"', c.selector),
  local configured(x) = each(function(text) told(asked(text)), x),

  prometheusRules+:: configured(std.parseYaml(importstr '../prometheus/quell.rules.yaml')),
  prometheusAlerts+:: configured(std.parseYaml(importstr '../prometheus/quell.alerts.yaml')),
  grafanaDashboards+:: {
    'quell.json': configured(import '../grafana/quell.json') + { uid: c.dashboardUid, tags: c.dashboardTags },
  },
}
