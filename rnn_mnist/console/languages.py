"""What the pictures, tables and messages say, in English and Korean. The English sentence is the key."""

import locale
import os
import unicodedata

LANGUAGES = ("en", "ko")

KOREAN = {
    # used in several places
    "accuracy": "정확도",
    "loss": "손실",
    "epoch": "에포크",
    "training": "훈련",
    "validation": "검증",
    "test": "테스트",
    "digit": "숫자",
    "probability": "확률",
    "images": "이미지",
    "original MNIST": "원본 MNIST",
    "not the original MNIST": "원본 MNIST 아님",
    "NOT THE ORIGINAL MNIST": "※ 원본 MNIST 아님",
    "synthetic digits, not MNIST": "합성 숫자, MNIST 아님",
    "SYNTHETIC DIGITS, NOT MNIST": "※ 합성 숫자, MNIST 아님",
    # learning curves
    "{name}\nlearning curves, {data}": "{name}\n학습 곡선, {data}",
    "training (mean over the epoch)": "훈련 (에포크 평균)",
    "validation (after the epoch)": "검증 (에포크 후)",
    "best epoch: {epoch} ({value:.4f})": "최적 에포크: {epoch} ({value:.4f})",
    "loss (nats)": "손실 (nat)",
    # evaluate
    ", not finished": ", 끝나지 않음",
    "run : {run} ({model}, {epochs} epochs{state}) weights : {digest}":
        "실행 : {run} ({model}, {epochs} 에포크{state}) 가중치 : {digest}",
    "data : {data} ({n} test images)": "데이터 : {data} (테스트 이미지 {n}개)",
    "NOTE: NOT THE DATA THAT THE RUN WAS TRAINED WITH": "주의: 이 실행의 훈련에 쓴 데이터가 아닙니다",
    "NOTE: NOT AS MANY RIGHT AS IN result.json: another machine, or an edited file":
        "주의: 맞힌 개수가 result.json과 다릅니다 (다른 컴퓨터이거나 수정된 파일)",
    "acc_test : {acc:.4f} (95 % interval {low:.4f} to {high:.4f}) loss_test : {loss:.4f}":
        "acc_test : {acc:.4f} (95 % 신뢰구간 {low:.4f} ~ {high:.4f}) loss_test : {loss:.4f}",
    "errors : {wrong} of {n}, expected calibration error : {ece:.4f}":
        "오류 : {n}개 중 {wrong}개, 기대 보정 오차(ECE) : {ece:.4f}",
    "precision": "정밀도",
    "recall": "재현율",
    "mean": "평균",
    "confusion matrix (row: true digit, column: predicted digit)": "혼동 행렬 (행: 정답, 열: 예측)",
    "worst errors (least probability for the true digit)": "가장 심한 오류 (정답의 확률이 가장 낮은 순)",
    "test image": "테스트 이미지",
    "true": "정답",
    "predicted": "예측",
    "of true": "정답 확률",
    "predicted digit": "예측한 숫자",
    "true digit": "정답 숫자",
    "confusion matrix (images)": "혼동 행렬 (이미지 수)",
    "true {true}: {p_true}\npredicted {predicted}: {p}\nimage {image}":
        "정답 {true}: {p_true}\n예측 {predicted}: {p}\n이미지 {image}",
    "worst errors": "가장 심한 오류",
    "no errors": "오류 없음",
    "accuracy in the bin": "구간의 정확도",
    "perfectly calibrated": "완전한 보정",
    "at its mean confidence": "구간의 평균 확신도에서",
    "expected calibration error: {value:.4f}": "기대 보정 오차: {value:.4f}",
    "confidence (probability of the predicted digit)": "확신도 (예측한 숫자의 확률)",
    "reliability": "신뢰도 그림",
    "written : {path}": "저장 : {path}",
    # compare_runs
    "all runs : {settings}": "모든 실행 : {settings}",
    "run": "실행",
    "settings": "설정",
    "data": "데이터",
    "epochs": "에포크",
    "best acc_valid": "최고 acc_valid",
    "last acc_valid": "마지막 acc_valid",
    "acc_test (95 % interval)": "acc_test (95 % 신뢰구간)",
    "seconds": "초",
    "weights": "가중치",
    "mean over seeds": "시드 평균",
    "seeds": "시드",
    " (epoch {epoch})": " (에포크 {epoch})",
    "not finished": "끝나지 않음",
    "McNemar : only {first} right {only_first_right}, only {second} right {only_second_right}, of "
    "{n_test} test images; p = {p_value:.3g}: {verdict}":
        "맥니머 검정 : 테스트 이미지 {n_test}개 가운데 {first}만 맞힌 것 {only_first_right}개, "
        "{second}만 맞힌 것 {only_second_right}개; p = {p_value:.3g}: {verdict}",
    "the difference is more than chance": "우연으로 보기 어려운 차이",
    "the difference may be chance": "우연일 수 있는 차이",
    "no paired test: {reason}": "대응 검정 없음: {reason}",
    "McNemar : {first} and {second} give the same answers on every image, {n_test} test images":
        "맥니머 검정 : {first}, {second}의 답이 테스트 이미지 {n_test}개 모두에서 같음",
    "validation of 1 run": "실행 1개의 검증 곡선",
    ", {n} without validation left out": ", 검증이 없는 {n}개 제외",
    "{n} identical": "같은 곡선 {n}개",
    "validation of {n} runs": "실행 {n}개의 검증 곡선",
    " (the first {n} lines of the table's order)": " (표의 순서로 처음 {n}개 선)",
    "mean and range of {n} seeds": "시드 {n}개의 평균과 범위",
    # predict
    "run : {run} ({model}, trained on {data}{state})": "실행 : {run} ({model}, 훈련 데이터: {data}{state})",
    "{name} : read as {digit}": "{name} : {digit}(으)로 읽음",
    "{name} : read as {digit}, is {label}": "{name} : {digit}(으)로 읽음, 정답 {label}",
    "test image {index}": "테스트 이미지 {index}",
    "standard input": "표준 입력",
    "picture": "그림",
    "or": "다음 후보",
    "the picture": "원래 그림",
    "what the network sees": "신경망이 보는 그림",
    # watch a digit
    " (run not finished)": " (끝나지 않은 실행)",
    "row": "행",
    "image": "이미지",
    "test images right": "맞힌 테스트 이미지",
    "the answer is {digit} from row {row:g} on": "{row:g}행부터 답은 계속 {digit}",
    "{n} test images ({data}): half of the answers are final after row {half:g}, 90 % after row {most:g}":
        "테스트 이미지 {n}개 ({data}): 답의 절반은 {half:g}행에서, 90 %는 {most:g}행에서 정해짐",
    "the image": "이미지",
    "rows read": "읽은 행 수",
    "the answer so far": "그때까지의 답",
    "probability after each row": "각 행을 읽은 뒤의 확률",
    "test images right after each row": "각 행을 읽은 뒤 맞힌 테스트 이미지",
    # gradient through time
    "when": "시점",
    "first state": "첫 상태",
    "last state": "마지막 상태",
    "last / first": "마지막 / 첫",
    "the gradient": "기울기",
    "does not reach the first step": "첫 단계까지 전해지지 않음",
    "keeps its size on its way back to the first step": "첫 단계로 되돌아가도 크기가 거의 그대로",
    "fades x{times} on its way back to the first step": "첫 단계로 되돌아가며 1/{times}로 작아짐 (기울기 소실)",
    "grows x{times} on its way back to the first step": "첫 단계로 되돌아가며 {times}배로 커짐",
    "start of training": "훈련 전",
    "end of training": "훈련 후",
    "time step": "시간 단계",
    "norm of the loss gradient by the state\n(mean over test images)":
        "상태에 대한 손실 기울기의 노름\n(테스트 이미지 평균)",
    "gradient through time": "시간을 거슬러 전해지는 기울기",
    # export
    "run : {run}{state}": "실행 : {run}{state}",
    "checked : read back, both give the run's logits; largest difference : {difference:.2g} "
    "(rounding explains up to {bound:.2g})":
        "확인 : 다시 읽어 보니 둘 다 실행과 같은 로짓을 냄, 가장 큰 차이 : {difference:.2g} "
        "(반올림 오차의 한계 {bound:.2g})",
    "images : float32 [n, 28, 28], values 0 to {largest}": "이미지 : float32 [n, 28, 28], 값은 0 ~ {largest}",
    "next : in Python, {command}": "다음 : 파이썬에서 {command}",
    # reproduce: the table
    "experiment": "실험",
    "figure": "수치",
    "published": "공개된 값",
    "measured": "측정값",
    "band": "허용 범위",
    "in band": "범위 안",
    "remark": "비고",
    "yes": "예",
    "no": "아니요",
    "skipped": "건너뜀",
    "the same": "같은 값",
    "replays to the digit": "마지막 자리까지 재현됨",
    "a second published copy has .9674: rounding order separates runs from epoch 2 on":
        "공개된 다른 사본은 .9674: 에포크 2부터 반올림 순서에 따라 갈라짐",
    "the gap that L2 is to narrow: .0187 without, standard deviation .0015":
        "L2가 줄이려는 차이: L2 없이는 .0187, 표준편차 .0015",
    "not comparable with mlp-relu's: the L2 penalty is in it": "L2 벌점이 들어 있어 mlp-relu와 비교할 수 없음",
    "without the penalty, comparable with mlp-relu's": "벌점 없이, mlp-relu와 비교할 수 있음",
    "published figure is stale, from batch 32: at 256 one constant class, .1135, is right":
        "공개된 값은 배치 32에서 남은 것: 256에서는 한 숫자만 답하는 .1135가 맞음",
    "depends on the seed: .1884 in another's NumPy run": "시드에 따라 다름: 다른 이의 NumPy 실행에서는 .1884",
    "published as 'about 60'": "'약 60'으로 공개됨",
    "depends on the machine": "컴퓨터에 따라 다름",
    "beside the graph's own count": "그래프가 직접 센 값과 비교",
    "not the published weights": "공개된 가중치 아님",
    "not the run's data": "이 실행의 데이터 아님",
    "next : {command}": "다음 : {command}",
    # reproduce: images per second against the batch size
    "batch size": "배치 크기",
    "images per second": "초당 이미지 수",
    "against one by one": "한 장씩의 몇 배",
    "images per batch": "배치당 이미지 수",
    "NumPy inference: {name}": "NumPy 추론: {name}",
    # show_data
    "{name} : images {images}, values {low} to {high}, labels {labels}":
        "{name} : 이미지 {images}, 값 {low} ~ {high}, 레이블 {labels}",
    "drawn from a seed": "시드로 그림",
    "data : {data} ({where})": "데이터 : {data} ({where})",
    "share": "비율",
    "all": "전체",
    "training image {image}: a {label}": "훈련 이미지 {image}: {label}",
    "first training images of each digit\n{data}": "숫자별 첫 훈련 이미지\n{data}",
    "pixel value": "픽셀 값",
    "column": "열",
    "pixel (28 per row, row after row)": "픽셀 (한 행에 28개, 행 순서대로)",
    "{name} ({n} images)": "{name} (이미지 {n}개)",
    "equal shares": "같은 비율",
    "share of the images (%)": "이미지 비율 (%)",
    "label balance\n{data}": "레이블 분포\n{data}",
}


def text(lang, english, **values):
    """Return a sentence in the language, with its {fields} filled in; English if there is no Korean for it."""
    sentence = KOREAN.get(english, english) if lang == "ko" else english
    return sentence.format(**values) if values else sentence


def pick_language(flag=None):
    """Return "ko" or "en": what --lang says, or else what LC_ALL, LC_MESSAGES or LANG says, or else the system."""
    if flag:
        return flag
    # Windows sets none of the three.
    said = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), None)
    return "ko" if (said or locale.getlocale()[0] or "").lower().startswith("ko") else "en"


def data_name(lang, kind):
    """Return what a table calls the data: loud unless it is the original MNIST."""
    return text(lang, kind if kind == "original MNIST" else kind.upper())


def table(rows, align):
    """Return the lines of a table of texts; align: "<" or ">" for each column, the last one for all that follow."""
    align += align[-1] * (len(rows[0]) - len(align))
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        gaps = [" " * (width - _width(cell)) for width, cell in zip(widths, row, strict=True)]
        cells = [cell + gap if side == "<" else gap + cell for cell, gap, side in zip(row, gaps, align, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def _width(cell):
    """Return how many columns a text takes on a terminal: Hangul takes two each."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in cell)


def add_lang_flag(parser):
    """Add --lang to a script's parser; pick_language(args.lang) then says which language is meant."""
    parser.add_argument("--lang", choices=LANGUAGES, help="language of tables and pictures (default: as LANG says)")
