from tests.integration.test_live import *
import json, pickle
def test_dump(run):
    d=dict(rise=run.rise_at, first=run.first_metrics, last=run.last_metrics, outl=run.up.outlooks, plans=run.up.plans, fleets=run.up.fleets, sent=run.traffic.sent, ack=run.traffic.acknowledged, fail=[repr(x) for x in run.traffic.failures], outages={k:vars(v) for k,v in run.outages.items()}, log=run.up.log_file.read_text())
    json.dump(d,open('/tmp/h3/run.json','w'))
