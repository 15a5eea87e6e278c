def local_peaks(heights):
    return [
        heights[i]
        for i in range(1, len(heights) - 1)
        if heights[i - 1] < heights[i] > heights[i + 1]
    ]


def main():
    peaks = local_peaks([int(height) for height in input().split()])
    print(" ".join(map(str, peaks)) or "flat")


if __name__ == "__main__":
    main()
