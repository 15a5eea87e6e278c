def merge_sorted_lists(first, second):
    merged = []
    i = j = 0
    while i < len(first) and j < len(second):
        if first[i] <= second[j]:
            merged.append(first[i])
            i += 1
        else:
            merged.append(second[j])
            j += 1
    return merged + first[i:] + second[j:]


def main():
    first = list(map(int, input().split()))
    second = list(map(int, input().split()))
    for number in merge_sorted_lists(first, second):
        print(number)


if __name__ == "__main__":
    main()
