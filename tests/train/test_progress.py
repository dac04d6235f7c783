from palitra.train.progress import TrainingBar


def test_every_tenth_step_is_logged_and_a_resumed_run_goes_on(tmp_path):
    log = tmp_path / "deep" / "log.csv"
    for start, stop in ((0, 25), (25, 40)):
        with TrainingBar("toy", 40, start, log) as bar:
            for index in range(start, stop):
                bar.advance(index, loss=index / 10, rate=0.5)
    rows = [line.split(",") for line in log.read_text(encoding="utf-8").splitlines()]
    assert [int(row[0]) for row in rows] == [10, 20, 30, 40]
    assert [float(row[2]) for row in rows] == [0.9, 1.9, 2.9, 3.9]


def test_without_a_terminal_a_plain_line_comes_every_50_steps(tmp_path, capsys):
    with TrainingBar("toy", 120, 0, tmp_path / "log.csv") as bar:
        for index in range(120):
            bar.advance(index, loss=2.0)
    lines = capsys.readouterr().err.strip().splitlines()
    begins = [" ".join(line.split(" ")[:2]) for line in lines if "/" in line]
    assert begins == ["toy 50/120", "toy 100/120", "toy 120/120"]
    assert "loss 2" in lines[0]
