def letter_grade(score):
    if score >= 90:
        return "A"
    if score >= 75:
        return "B"
    if score >= 60:
        return "C"
    return "F"


def main():
    score = int(input())
    print(letter_grade(score))


if __name__ == "__main__":
    main()
