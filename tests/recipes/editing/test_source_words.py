import torch

from palitra.recipes.editing.source_words import phrases, suggest_source


class Says:
    """An eye that is sure of one phrase, or of none."""

    def __init__(self, **likely):
        self.likely = likely

    def suggest(self, images, known):
        assert float(images.max()) > 1
        rest = (1 - sum(self.likely.values())) / (len(known) - len(self.likely))
        return torch.tensor([[self.likely.get(k.replace(" ", "_"), rest) for k in known]])


def test_phrases_name_every_concept_in_every_kind_of_picture():
    assert len(phrases()) == 45
    assert {"a photo of a dog", "a painting of an elephant", "a sketch of a person"} <= set(phrases())


def test_the_likeliest_phrase_or_the_bare_kind():
    picture = torch.rand(3, 16, 16)
    assert suggest_source(picture, Says(a_photo_of_a_dog=0.6)) == "a photo of a dog"
    unsure = {p.replace(" ", "_"): 0.05 for p in phrases() if "painting" in p}
    assert suggest_source(picture, Says(**unsure)) == "a painting"
