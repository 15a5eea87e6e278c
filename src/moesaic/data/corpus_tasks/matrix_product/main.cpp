#include <iostream>
#include <vector>

class Matrix {
public:
    explicit Matrix(int size) : size(size), numbers(size * size) {
    }

    int& at(int row, int column) {
        return numbers[row * size + column];
    }

    void read() {
        for (int& number : numbers) {
            std::cin >> number;
        }
    }

    void print() {
        for (int i = 0; i < size * size; i++) {
            std::cout << numbers[i] << ((i + 1) % size == 0 ? "\n" : " ");
        }
    }

    const int size;

private:
    std::vector<int> numbers;
};

Matrix matrixProduct(Matrix& first, Matrix& second) {
    Matrix product(first.size);
    for (int i = 0; i < first.size; i++) {
        for (int j = 0; j < first.size; j++) {
            for (int k = 0; k < first.size; k++) {
                product.at(i, j) += first.at(i, k) * second.at(k, j);
            }
        }
    }
    return product;
}

int main() {
    int size;
    std::cin >> size;
    Matrix first(size), second(size);
    first.read();
    second.read();
    matrixProduct(first, second).print();
    return 0;
}
