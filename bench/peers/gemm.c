// sgemm peers in C: OpenBLAS (cblas_sgemm) and oneDNN (dnnl_sgemm), row major.
// gcc -O3 -o gemm gemm.c -fopenmp -lopenblas -ldnnl -lm
// ./gemm openblas|dnnl THREADS [MODES] [RUNS]  -> CSV lib,threads,mode,batch,M,K,N,GFLOPs_median,GFLOPs_best
// MODES is a list of NN NT TN square batch (default: all of them), RUNS the number of runs of each (default 7).
// modes: NN C=A*B, NT C=A*B^T (B stored NxK), TN C=A^T*B (A stored KxM). batch>1: a plain loop of calls.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cblas.h>
#include <dnnl.h>
#include <omp.h>
void openblas_set_num_threads(int);
static double now(void){struct timespec t;clock_gettime(CLOCK_MONOTONIC,&t);return t.tv_sec+1e-9*t.tv_nsec;}
static int cmp(const void*a,const void*b){double x=*(double*)a,y=*(double*)b;return(x>y)-(x<y);}
static int use_dnnl;
static void mm(char m,long M,long K,long N,const float*a,const float*b,float*c){
  int ta=m=='T',tb=m=='B';long lda=ta?M:K,ldb=tb?K:N;
  if(use_dnnl)dnnl_sgemm(ta?'T':'N',tb?'T':'N',M,N,K,1.f,a,lda,b,ldb,0.f,c,N);
  else cblas_sgemm(CblasRowMajor,ta?CblasTrans:CblasNoTrans,tb?CblasTrans:CblasNoTrans,M,N,K,1.f,a,lda,b,ldb,0.f,c,N);}
static int R=7;
static void one(const char*lib,int th,char m,long B,long M,long K,long N){
  float*a=aligned_alloc(64,4*B*M*K),*b=aligned_alloc(64,4*B*K*N),*c=aligned_alloc(64,4*B*M*N);
  for(long i=0;i<B*M*K;i++)a[i]=(float)(i*7919%1000)/1000-.5f;
  for(long i=0;i<B*K*N;i++)b[i]=(float)(i*104729%1000)/1000-.5f;
  double fl=2.*B*M*K*N,r[64];long rep=1;
  for(;;){double t=now();for(long q=0;q<rep;q++)for(long i=0;i<B;i++)mm(m,M,K,N,a+i*M*K,b+i*K*N,c+i*M*N);t=now()-t;
    if(t>0.004||rep>1000000)break;rep=t>1e-5?(long)(rep*0.006/t)+1:rep*100;}
  for(int k=0;k<R;k++){double t=now();for(long q=0;q<rep;q++)for(long i=0;i<B;i++)mm(m,M,K,N,a+i*M*K,b+i*K*N,c+i*M*N);r[k]=fl*rep/(now()-t)*1e-9;}
  qsort(r,R,sizeof*r,cmp);
  printf("%s,%d,%s,%ld,%ld,%ld,%ld,%.1f,%.1f\n",lib,th,m=='N'?"NN":m=='B'?"NT":"TN",B,M,K,N,r[R/2],r[R-1]);fflush(stdout);
  free(a);free(b);free(c);}
int main(int c,char**v){
  if(c<3)return 1;
  use_dnnl=!strcmp(v[1],"dnnl");int th=atoi(v[2]);openblas_set_num_threads(th);omp_set_num_threads(th);
  const char*ms="NBT",*nm[]={"NN","NT","TN"},*want=c>3?v[3]:"NN NT TN square batch";if(c>4)R=atoi(v[4]);if(R<1||R>64)return 1;
  long kn[][2]={{128,128},{128,512},{512,128},{256,256},{256,1024},{1024,256}},Ms[]={64,256,1024,4096},sq[]={512,1024,2048};
  long bt[][4]={{64,32,32,32},{256,32,32,32},{256,64,32,64},{256,64,64,32},{256,128,32,128}};
  for(int i=0;i<6;i++)for(int j=0;j<4;j++)for(int m=0;m<3;m++)if(strstr(want,nm[m]))one(v[1],th,ms[m],1,Ms[j],kn[i][0],kn[i][1]);
  if(strstr(want,"square"))for(int i=0;i<3;i++)for(int m=0;m<3;m++)one(v[1],th,ms[m],1,sq[i],sq[i],sq[i]);
  if(strstr(want,"batch"))for(int i=0;i<5;i++)for(int m=0;m<2;m++)one(v[1],th,ms[m],bt[i][0],bt[i][1],bt[i][2],bt[i][3]);
}
