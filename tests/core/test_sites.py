from palitra.core.sites import matches, select


def test_a_star_crosses_dots():
    assert matches("up.1.attn.0.block.0.self.k", "up.*.self.k")
    assert not matches("up.1.attn.0.block.0.cross.k", "up.*.self.k")


def test_a_bar_joins_patterns():
    assert matches("mid.res.0", "*.probs|mid.res.*")
    assert not matches("mid.res.0", "*.probs|up.*")


def test_a_plain_name_means_itself_alone():
    assert select(["up.1", "up.10", "up.1.res"], "up.1") == ["up.1"]


def test_select_keeps_the_given_order():
    assert select(["b.k", "a.k", "c.q"], "*.k") == ["b.k", "a.k"]
