from scripts import picture


def test_the_readme_shows_the_study_of_the_example_report():
    assert picture.PICTURE.read_text(encoding="utf-8") == picture.drawn(picture.study_of(picture.REPORT))


def test_a_point_that_is_not_drawn_is_counted():
    study = picture.study_of(picture.REPORT)
    low = [p for p in study["points"] if p["y"][0] < picture.LOWEST]
    assert low
    assert f"not drawn: {len(low)} below 50%" in picture.drawn(study)
