"""Verbs that docstrings start with, in the imperative: ruff's D401 accepts any noun that it does not know."""

from __future__ import annotations

_VERBS = """
abandon abort accept accumulate acquire activate adapt add adjust admit admonish advance agree align allocate allow
analyse announce answer append apply approve archive arm arrange ask assert assign associate attach attempt audit
authenticate authorize await back-fill balance base batch begin bind bisect block book break bring broadcast build bundle
calculate call cancel cap capture carry catch change charge check choose claim clamp classify clean clear clip clone close
coalesce collapse collect combine come commit compact compare compile complain complete compose compress compute
concatenate configure confirm connect consider construct consume continue convert copy correct count cover crash create
cut deactivate decide declare decode decompress decorate decrease decrypt deduce deduplicate defer define delay delegate
delete deliver demand deny derive describe deserialize detach detect determine diff disable discard disconnect dispatch
display distribute divide do document double download drain draw drive drop dry-run dump duplicate echo edit eject emit
emulate enable encode encrypt end enforce enqueue ensure enter enumerate erase escape establish estimate evaluate exchange
exclude execute exit expand expect expire explain export expose extend extract fail fake fall feed fetch fill filter find
finish fire flatten flush fold follow forbid force forget fork format forward free freeze gather generate get give go
grant group grow guard guess halve handle hand hash hide hold identify ignore import include increase increment index
infer inform inherit initialise initialize inject insert inspect install intern interpret interrupt intersect invalidate
invert invoke isolate issue iterate join judge keep kill label launch lay leave lend let lift limit link list listen load
locate lock log look loop lower make manage map mark mask match materialize measure merge migrate mirror mix modify monitor
mount move multiply name narrow negotiate normalise normalize note notify number observe obtain offer omit open order
output overlay override overwrite pack pad page paginate parse partition pass patch pause perform permit persist pick pin
ping place plan play plot point poll pop populate post postpone predict prepare prepend present preserve prevent preview
print probe process produce prohibit promise promote propagate protect prove provide prune publish pull purge push put
query queue quote raise rank rate read reap rebuild recalculate receive recognise recompute reconcile reconnect record
recover recreate recycle redact redirect reduce re-encrypt refer refill refresh refund refuse regenerate register reject
release reload remember remind remove rename render renew reopen reorder repair repeat replace replay reply report
represent reproduce request require rerun rescale reserve reset reshape resize resolve respond restart restore restrict
resume resync retain retry return reuse reverse revert review revoke rewrite ring roll rotate round route run sample save
scale scan schedule score search seal see seed seek select send separate serialize serve set settle shift show shrink shut
sign signal simulate skip sleep slice slow snapshot sort specify split spread spool squash stage stamp start state stay
step stop store stream strip submit subscribe substitute subtract succeed suggest sum summarise summarize supersede supply
suppress surround suspend swap sweep switch synchronise synchronize tag take tell terminate test throttle time toggle tokenize
touch trace track transfer transform translate traverse treat trigger trim truncate trust try turn unbind undo uninstall
unite unlink unlock unpack unpin unquote unregister unseal unsubscribe unwrap update upgrade upload use validate verify
view visit wait wake walk warn watch weigh withdraw work wrap write yield zip
"""
VERBS = frozenset(_VERBS.split())
